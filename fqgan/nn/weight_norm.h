// Weight normalization (Salimans and Kingma 2016) with data-dependent initialisation: an output's weights are a
// direction times a scale; a pass with `initialise` sets scale and bias so that, over its batch, every output has mean
// 0 and a given deviation. Matches nn.py of openai/improved-gan: DenseLayer and WeightNormLayer (scale not trained but
// for the last layer) and l2normalize (no initialisation).
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// scale v / |v| for each output's v; output: which dimension of `weight` counts them. Differentiable to any order.
torch::Tensor weight_normalized(const torch::Tensor& weight, const torch::Tensor& scale, int64_t output);
/// Sets scale and bias (Co) so that activations, N x Co (x H x W) without bias, would have mean 0 and this deviation;
/// an undefined bias stays away, and an output that does not vary keeps its scale. -> the activations as they are then.
torch::Tensor initialise_by_data(const torch::Tensor& activations, torch::Tensor scale, torch::Tensor bias,
                                 double deviation = 1);

struct WeightNormOptions {
  double initial = 0.1;      // deviation of the initial weights, N(0, initial^2)
  bool train_scale = false;  // else the scale is a buffer, set by the initialisation only
  bool by_data = true;       // takes part in a pass with `initialise`
  double deviation = 1;      // of the outputs after it
};

/// What the layers share: parameters `weight`, `bias` (Co) and parameter or buffer `scale` (Co).
struct WeightNormLayer : torch::nn::Module {
  /// shape: of `weight`; output: which of its dimensions counts the outputs.
  WeightNormLayer(std::vector<int64_t> shape, int64_t output, WeightNormOptions options, Streams& random);

  torch::Tensor weight, scale, bias;
  WeightNormOptions options;

 protected:
  int64_t output_;
};

/// N x Ci -> N x Co: x (scale v / |v|)^T + bias, v a row of `weight` (Co x Ci).
struct WeightNormLinearImpl : WeightNormLayer {
  WeightNormLinearImpl(int64_t in, int64_t out, WeightNormOptions options, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass, bool relu = false);
};
TORCH_MODULE(WeightNormLinear);

struct WeightNormConv2dOptions {
  int64_t in, out;  // channels
  int64_t kernel = 3, stride = 1, padding = 1;
  bool transposed = false;  // stride 2: the map doubles exactly
};

/// N x Ci x H x W -> N x Co x H' x W'; `weight` is Co x Ci x k x k, or Ci x Co x k x k where transposed.
struct WeightNormConv2dImpl : WeightNormLayer {
  WeightNormConv2dImpl(WeightNormConv2dOptions convolution, WeightNormOptions options, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);
  WeightNormConv2dOptions convolution;

 private:
  torch::Tensor convolved(const torch::Tensor& x, const torch::Tensor& weight, const std::optional<torch::Tensor>& bias,
                          const Pass& pass) const;
};
TORCH_MODULE(WeightNormConv2d);

}  // namespace fqgan
