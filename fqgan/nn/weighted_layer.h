// The base of every layer with a weight: its initialisation, and its normalization in each forward.
#pragma once

#include <torch/torch.h>

#include <optional>
#include <string>
#include <vector>

#include "fqgan/nn/pass.h"
#include "fqgan/nn/spectral_norm.h"
#include "fqgan/nn/weight_norm.h"

namespace fqgan {

/// none; spectral: nn/spectral_norm.h; weight: nn/weight_norm.h; equalized: the equalized learning rate (Karras et al.
/// 2018, 'Progressive growing of GANs', section 4.1), by which the weight is divided by the root of its fan-in in each
/// forward, so that all weights are N(0, 1) at first and learn at the same speed.
enum class WeightNormalization { none, spectral, weight, equalized };
/// "none", "spectral", "weight", in the order of the enumeration: what recipes offer.
const std::vector<std::string>& weight_normalizations();
WeightNormalization weight_normalization(const std::string& name);

/// The initial scales of weight normalization.
enum class ScaleStart {
  length,  // the lengths of the initial weights, so that the effective weight equals the initial one
  one
};

/// How a layer's weight and bias are initialised, and how the weight is normalized.
struct WeightOptions {
  WeightNormalization normalization = WeightNormalization::spectral;
  double epsilon = 1e-8;                             // spectral: lower bound of the norms of the power iteration
  std::string initialisation = "orthogonal";         // style of the initial weight (nn/initialise.h)
  std::string biases = "uniform";                    // style of the initial bias (nn/initialise.h)
  std::optional<double> initial_std = std::nullopt;  // if set, the initial weight is N(0, initial_std^2) instead
  SpectralForm spectral_form = SpectralForm::biggan;
  int64_t iterations = 1;  // spectral: power iterations per forward
  ScaleStart scale_start = ScaleStart::length;
  bool train_scale = true;     // weight: false: the scale is a buffer, which only data-dependent initialisation sets
  bool starts_by_data = true;  // weight: a pass with `initialise` sets scale and bias (embeddings: never)
  double data_std = 1;         // weight: standard deviation of the outputs after that pass
  // equalized: factor of weight and bias in each forward, by which they learn more slowly; the initial weight is
  // N(0, 1 / learning_rate_multiplier^2).
  double learning_rate_multiplier = 1;
};

/// Options of a layer with an equalized learning rate.
WeightOptions equalized(double learning_rate_multiplier = 1);

/// A module with a weight. Parameter `weight`; buffers `u` and `v` (spectral); parameter or buffer `scale` Co (weight).
struct WeightedLayer : torch::nn::Module {
  WeightedLayer(WeightShape shape, WeightOptions options, Streams& random);
  /// The effective weight in the parameter's type. Differentiable; in a penalty pass also twice.
  torch::Tensor effective_weight(Pass& pass);
  /// Computes v from the weight and u, for imported weights, which have no v. Spectral only.
  void recompute_v();

  torch::Tensor weight, u, v, scale;
  WeightOptions weight_options;

 protected:
  /// Whether a forward first initialises scale and bias by its data.
  bool takes_start(const Pass& pass) const;
  /// -> Co, or undefined if no bias is wanted. fan_in: the number of inputs of an output.
  torch::Tensor register_bias(bool wanted, int64_t fan_in, Streams& random);
  /// The bias as it is added: times the learning rate multiplier. bias: Co or undefined.
  torch::Tensor effective_bias(const torch::Tensor& bias) const;

 private:
  torch::Tensor rows() const;    // the weight with its output dimension first
  torch::Tensor matrix() const;  // rows() as a matrix, without gradient
  WeightShape shape_;
};

}  // namespace fqgan
