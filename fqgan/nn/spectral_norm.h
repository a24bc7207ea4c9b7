// Weights under spectral normalization (Miyato et al. 2018): W / sigma with sigma = u^T W v, where u and v approach the
// largest singular value's vectors by the power iteration v = normalize(W^T u), u = normalize(W v). No gradient flows
// through u and v. In one of two published forms, which differ in what a pass that does not train reads.
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

enum class SpectralForm {
  biggan,  // BigGAN-PyTorch's layers.SN: iterates in each forward, in evaluation too; only u is remembered
  torch    // torch.nn.utils.spectral_norm: iterates in training; in evaluation sigma from the remembered u and v
};

struct SpectralOptions {
  SpectralForm form = SpectralForm::biggan;
  int64_t iterations = 1;  // of the power iteration in a forward
  double epsilon = 1e-8;   // lower bound of the norms
};

/// v = normalize(W^T u), R. matrix: Co x R; u: Co.
torch::Tensor right_singular_vector(const torch::Tensor& matrix, const torch::Tensor& u, double epsilon);

/// weight: Co x ..., in its type; u: Co and v: the numbers of a row; both are replaced by what the iteration gives when
/// the pass updates state. Differentiable; with pass.reference_operators also twice.
torch::Tensor spectrally_normalized(const torch::Tensor& weight, torch::Tensor& u, torch::Tensor& v,
                                    const SpectralOptions& options, const Pass& pass);

}  // namespace fqgan
