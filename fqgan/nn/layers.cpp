#include "fqgan/nn/layers.h"

#include "fqgan/core/shape.h"
#include "fqgan/nn/initialise.h"

namespace fqgan {
namespace {

/// Sums the four one-pixel shifts of a 3x3 kernel: ... x 3 x 3 -> ... x 4 x 4.
torch::Tensor four_shifts(const torch::Tensor& w) {
  const auto rows = at::constant_pad_nd(w, {0, 0, 0, 1}) + at::constant_pad_nd(w, {0, 0, 1, 0});
  return at::constant_pad_nd(rows, {0, 1, 0, 0}) + at::constant_pad_nd(rows, {1, 0, 0, 0});
}

torch::Tensor cast(const torch::Tensor& w, const torch::Tensor& like) {
  return w.to(w.options().dtype(like.scalar_type()), false, false, at::MemoryFormat::ChannelsLast);
}

torch::Tensor cast_bias(const torch::Tensor& b, const torch::Tensor& like) {
  return b.defined() ? b.to(like.scalar_type()) : b;
}

torch::Tensor upsample(const torch::Tensor& x) { return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}); }

}  // namespace

Conv2dImpl::Conv2dImpl(Conv2dOptions o, WeightOptions weight, Streams& random)
    : WeightedLayer({o.out, o.in, o.kernel, o.kernel}, std::move(weight), random), options(o) {
  if (options.bias)
    bias = register_parameter("bias", initial_bias(weight_options.biases, o.out, o.in * o.kernel * o.kernel, random));
}

torch::Tensor Conv2dImpl::forward(const torch::Tensor& x, Pass& pass) {
  check_shape(x, {any, options.in, any, any}, "conv2d");
  const auto w = effective_weight(pass), b = cast_bias(bias, x);
  return pass.twin ? plain(x, cast(w, x), b) : folded(x, w, b);
}

torch::Tensor Conv2dImpl::plain(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b) {
  const auto y = at::conv2d(options.resample == Resample::up ? upsample(x) : x, w, b, 1, options.kernel / 2);
  return options.resample == Resample::down ? at::avg_pool2d(y, 2) : y;
}

torch::Tensor Conv2dImpl::folded(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b) {
  if (options.resample == Resample::none) return at::conv2d(x, cast(w, x), b, 1, options.kernel / 2);
  if (options.kernel == 1) {
    if (options.resample == Resample::up) return upsample(at::conv2d(x, cast(w, x), b));
    return at::conv2d(at::avg_pool2d(x, 2), cast(w, x), b);
  }
  if (options.resample == Resample::down) return at::conv2d(x, cast(four_shifts(w * 0.25), x), b, 2, 1);
  // A transposed convolution scatters, so the kernel is mirrored; its weight is Ci x Co x 4 x 4.
  return at::conv_transpose2d(x, cast(four_shifts(w.flip({2, 3})).transpose(0, 1), x), b, 2, 1);
}

LinearImpl::LinearImpl(int64_t in, int64_t out, bool with_bias, WeightOptions weight, Streams& random)
    : WeightedLayer({out, in}, std::move(weight), random) {
  if (with_bias) bias = register_parameter("bias", initial_bias(weight_options.biases, out, in, random));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x, Pass& pass) {
  check_shape(x, {any, weight.size(1)}, "linear");
  return at::linear(x, effective_weight(pass).to(x.scalar_type()), cast_bias(bias, x));
}

EmbeddingImpl::EmbeddingImpl(int64_t classes, int64_t channels, WeightOptions weight, Streams& random)
    : WeightedLayer({classes, channels}, std::move(weight), random) {}

torch::Tensor EmbeddingImpl::forward(const torch::Tensor& labels, Pass& pass) {
  check_shape(labels, {any}, "embedding");
  return at::embedding(effective_weight(pass), labels);
}

}  // namespace fqgan
