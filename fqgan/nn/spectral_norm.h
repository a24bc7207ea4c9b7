// Spectral normalization of weights (Miyato et al. 2018): W / sigma with sigma = u^T W v, where the power iteration v =
// normalize(W^T u), u = normalize(W v) approaches the singular vectors of the largest singular value. No gradient flows
// through u and v. There are two published forms, which differ outside of training.
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

enum class SpectralForm {
  biggan,  // BigGAN-PyTorch's layers.SN: iterates in each forward, in evaluation too; stores only u
  torch    // torch.nn.utils.spectral_norm: iterates in training only; evaluation uses the stored u and v
};

struct SpectralOptions {
  SpectralForm form = SpectralForm::biggan;
  int64_t iterations = 1;  // power iterations per forward
  double epsilon = 1e-8;   // lower bound of the norms
};

/// v = normalize(W^T u). matrix: Co x R; u: Co -> R.
torch::Tensor right_singular_vector(const torch::Tensor& matrix, const torch::Tensor& u, double epsilon);

/// weight: Co x ..., in its type; u: Co; v: R. A pass that updates state replaces u and v by the iteration's result.
/// Differentiable; in a penalty pass also twice.
torch::Tensor spectrally_normalized(const torch::Tensor& weight, torch::Tensor& u, torch::Tensor& v,
                                    const SpectralOptions& options, const Pass& pass);

}  // namespace fqgan
