// The convolution of a frozen network: its batch normalization is folded into weight and bias, and its activation is
// part of it. Weight and bias are buffers, so that nothing trains them; the images may have gradients.
#pragma once

#include <torch/torch.h>

#include <vector>

namespace fqgan {

enum class Activation { none, relu, relu6 };

struct FrozenConvolutionOptions {
  int64_t stride = 1;
  int64_t padding_height = 0, padding_width = 0;  // zeros on both sides
  int64_t groups = 1;
  Activation activation = Activation::none;
  /// With stride 2: TensorFlow's padding "SAME" instead, which depends on whether the map has an even size.
  bool same = false;
};

/// N x Ci x H x W -> N x Co x H' x W', in the type of x. Where no gradient is needed, float32 and bfloat16 maps on the
/// CPU run on oneDNN's convolution with the activation in it, and the weight is kept in oneDNN's order; else LibTorch's
/// operators run, differentiable in x to any order.
struct FrozenConvolutionImpl : torch::nn::Module {
  /// weight: Co x Ci / groups x kh x kw, with `same` an odd kernel; bias: Co; both float32.
  FrozenConvolutionImpl(torch::Tensor weight, torch::Tensor bias, FrozenConvolutionOptions options);
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight, bias;
  FrozenConvolutionOptions options;
  double operations = 0;  // floating-point operations for an image of the last forward

 private:
  std::vector<int64_t> padding_of(const torch::Tensor& x) const;
  torch::Tensor fused(const torch::Tensor& x);
  torch::Tensor plain(const torch::Tensor& x) const;
  torch::Tensor packed_weight_, packed_bias_;  // for x of one type; undefined before the first use
};
TORCH_MODULE(FrozenConvolution);

/// The sum over all frozen convolutions of a network.
double operations_per_image(const torch::nn::Module& network);

struct FoldedWeights {
  torch::Tensor weight, bias;  // float32
};
/// Batch normalization by stored statistics after a convolution without bias, computed in float64. All but the weight:
/// Co.
FoldedWeights fold_batch_norm(const torch::Tensor& weight, const torch::Tensor& gain, const torch::Tensor& bias,
                              const torch::Tensor& mean, const torch::Tensor& variance, double epsilon);

}  // namespace fqgan
