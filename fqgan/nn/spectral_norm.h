// Weights under spectral normalization (Miyato et al. 2018): W / sigma, sigma by one step of the power iteration a
// forward. Matches BigGAN-PyTorch's layers.SN with one singular value: v = normalize(u W), u' = normalize(v W^T), sigma
// = v W^T u'^T, no gradient through u' and v; the stored u is replaced by u' only when the pass updates state.
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// weight: Co x ..., in its type; u: Co, replaced when the pass updates state. epsilon: lower bound of the norms.
/// Differentiable; with pass.twin also twice.
torch::Tensor spectrally_normalized(const torch::Tensor& weight, torch::Tensor& u, double epsilon, const Pass& pass);

}  // namespace fqgan
