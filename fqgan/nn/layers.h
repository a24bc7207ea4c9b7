// Convolution, linear and embedding layers whose weights may be normalized (nn/weighted_layer.h). Parameters stay in
// their own type (float32 masters); the effective weight is cast to the type of the input, once per forward.
#pragma once

#include <optional>

#include "fqgan/nn/weighted_layer.h"
#include "fqgan/ops/convolution.h"

namespace fqgan {

using ops::Border;
using ops::Padding;
using ops::Resample;

/// In pixels; one number stands for height and width.
struct KernelSize {
  KernelSize(int64_t side) : height(side), width(side) {}  // NOLINT: a number is a square kernel
  KernelSize(int64_t height, int64_t width) : height(height), width(width) {}
  int64_t height, width;
};

struct Conv2dOptions {
  int64_t in, out;                     // channels
  KernelSize kernel = 3;               // 1 to 7 pixels
  Resample resample = Resample::none;  // nearest x2 before, or 2x2 average after the convolution; stride 1 only
  bool bias = true;
  bool relu = false;   // a ReLU of the input, before the convolution
  int64_t stride = 1;  // transposed: the factor by which the map grows
  int64_t groups = 1;  // of channels, a divisor of both; groups = in: depthwise
  // Unset: the padding that keeps the map's size with stride 1 (even kernels: one pixel more on the right and at the
  // bottom). Transposed: pixels that are cropped, the same on both sides; unset: (kernel - 1) / 2.
  std::optional<Padding> padding = std::nullopt;
  Border border = Border::zeros;
  bool transposed = false;  // only with a border of zeros and without resampling
  // Transposed: rows and columns added at the bottom and on the right, fewer than the stride. Unset: so many that the
  // map grows by exactly the stride.
  std::optional<int64_t> output_padding = std::nullopt;
};

/// N x Ci x H x W -> N x Co x H' x W', channels_last if x is.
/// `residual`, if defined, is added: N x Co x H' x W', or half of that height and width, upsampled.
/// The common forms (1x1 or 3x3, stride 1, zeros that keep the map's size, one group) are one operator
/// (ops/convolution.h), differentiable once; with `pass.plain()` LibTorch's operators run, differentiable
/// to any order. Other forms always run on LibTorch's operators, except the gradient of a spectrally normalized weight.
/// `weight` is Co x Ci / groups x kh x kw, or Ci x Co / groups x kh x kw if transposed.
/// Errors: InternalError for incompatible options; UserError for a map that is too small.
struct Conv2dImpl : WeightedLayer {
  Conv2dImpl(Conv2dOptions options, WeightOptions weight, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass, const torch::Tensor& residual = {});
  Conv2dOptions options;
  torch::Tensor bias;  // Co or undefined

 private:
  std::optional<ops::Geometry> geometry_;  // unset: one of the common forms
};
TORCH_MODULE(Conv2d);

/// N x Ci -> N x Co, with an optional ReLU of the output. With weight normalization and a bias it is one operator
/// (ops/weight_norm_linear.h), differentiable once; with `pass.plain()` it is so to any order.
struct LinearImpl : WeightedLayer {
  LinearImpl(int64_t in, int64_t out, bool with_bias, WeightOptions weight, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass, bool relu = false);
  torch::Tensor bias;  // Co or undefined

 private:
  torch::Tensor products(const torch::Tensor& x, const torch::Tensor& with_bias, Pass& pass);
};
TORCH_MODULE(Linear);

/// N int64 in [0, classes) -> N x C
struct EmbeddingImpl : WeightedLayer {
  EmbeddingImpl(int64_t classes, int64_t channels, WeightOptions weight, Streams& random);
  torch::Tensor forward(const torch::Tensor& labels, Pass& pass);
};
TORCH_MODULE(Embedding);

}  // namespace fqgan
