// What layers with a weight share: how it begins, and how it is normalized in each forward.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// none; spectral: nn/spectral_norm.h; weight: nn/weight_norm.h, with a trained scale, which a pass with `initialise`
/// sets by its data, with the bias (but for embeddings).
enum class WeightNormalization { none, spectral, weight };
/// "none", "spectral", "weight", in the order of the enumeration.
const std::vector<std::string>& weight_normalizations();
WeightNormalization weight_normalization(const std::string& name);

/// How a layer's weight is made.
struct WeightOptions {
  WeightNormalization normalization = WeightNormalization::spectral;
  double epsilon = 1e-8;  // lower bound of the norms of the power iteration
  std::string initialisation = "orthogonal";
  std::string biases = "uniform";
};

/// A module with a weight; base of the layers. Parameter `weight` Co x ...; buffer `u` Co (spectral only); parameter
/// `scale` Co (weight only: at first the lengths of the rows, so that the weight is the initial one).
struct WeightedLayer : torch::nn::Module {
  WeightedLayer(std::vector<int64_t> shape, WeightOptions options, Streams& random);
  /// The effective weight in the parameter's type. Differentiable; with pass.twin also twice.
  torch::Tensor effective_weight(Pass& pass);
  /// Whether a forward first sets scale and bias by its data.
  bool takes_start(const Pass& pass) const { return pass.initialise && scale.defined(); }

  torch::Tensor weight, u, scale;
  WeightOptions weight_options;
};

}  // namespace fqgan
