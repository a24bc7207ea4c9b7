// Weights under spectral normalization (Miyato et al. 2018): W / sigma, sigma by one step of the power iteration a
// forward. Matches BigGAN-PyTorch's layers.SN with one singular value: v = normalize(u W), u' = normalize(v W^T), sigma
// = v W^T u'^T, no gradient through u' and v; the stored u is replaced by u' only when the pass updates state.
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// How a layer's weight is made.
struct WeightOptions {
  bool spectral = true;
  double epsilon = 1e-8;  // lower bound of the norms
  std::string initialisation = "orthogonal";
  std::string biases = "uniform";
};

/// A module with a weight; base of the layers. Parameter `weight` Co x ..., buffer `u` Co (spectral only).
struct WeightedLayer : torch::nn::Module {
  WeightedLayer(std::vector<int64_t> shape, WeightOptions options, Streams& random);
  /// The effective weight in the parameter's type. Differentiable; with pass.twin also twice.
  torch::Tensor effective_weight(Pass& pass);

  torch::Tensor weight, u;
  WeightOptions weight_options;
};

}  // namespace fqgan
