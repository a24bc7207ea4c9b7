// Weight normalization (Salimans and Kingma 2016) with data-dependent initialisation: an output's weights are a
// direction times a scale; a pass with `initialise` sets scale and bias so that, over its batch, every output has mean
// 0 and a given deviation. Matches nn.py of openai/improved-gan: DenseLayer (scale not trained but for the last layer)
// and l2normalize (no initialisation).
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

struct WeightNormOptions {
  double initial = 0.1;      // deviation of the initial weights, N(0, initial^2)
  bool train_scale = false;  // else the scale is a buffer, set by the initialisation only
  bool by_data = true;       // takes part in a pass with `initialise`
  double deviation = 1;      // of the outputs after it
};

/// N x Ci -> N x Co: x (scale v / |v|)^T + bias, v a row of `weight` (Co x Ci).
struct WeightNormLinearImpl : torch::nn::Module {
  WeightNormLinearImpl(int64_t in, int64_t out, WeightNormOptions options, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);

  torch::Tensor weight, scale, bias;  // Co x Ci, Co, Co
  WeightNormOptions options;

 private:
  torch::Tensor initialised(const torch::Tensor& activations);
};
TORCH_MODULE(WeightNormLinear);

}  // namespace fqgan
