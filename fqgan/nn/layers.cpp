#include "fqgan/nn/layers.h"

#include "fqgan/core/shape.h"
#include "fqgan/nn/initialise.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/nn/weight_norm.h"

namespace fqgan {
namespace {

torch::Tensor cast_bias(const torch::Tensor& b, const torch::Tensor& like) {
  return b.defined() ? b.to(like.scalar_type()) : b;
}

}  // namespace

Conv2dImpl::Conv2dImpl(Conv2dOptions o, WeightOptions weight, Streams& random)
    : WeightedLayer({o.out, o.in, o.kernel, o.kernel}, std::move(weight), random), options(o) {
  if (options.bias)
    bias = register_parameter("bias", initial_bias(weight_options.biases, o.out, o.in * o.kernel * o.kernel, random));
}

torch::Tensor Conv2dImpl::forward(const torch::Tensor& x, Pass& pass, const torch::Tensor& residual) {
  const LayerScope scope(this);
  check_shape(x, {any, options.in, any, any}, "conv2d");
  const auto maybe = [](const torch::Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
  const auto convolved = [&](const torch::Tensor& b, const torch::Tensor& r) {
    const ops::Convolution c{effective_weight(pass), maybe(b), maybe(r), options.resample, options.relu};
    return pass.twin ? ops::twin::convolution(x, c) : ops::convolution(x, c);
  };
  if (takes_start(pass)) initialise_by_data(convolved({}, {}), scale, bias);
  return convolved(bias, residual);
}

LinearImpl::LinearImpl(int64_t in, int64_t out, bool with_bias, WeightOptions weight, Streams& random)
    : WeightedLayer({out, in}, std::move(weight), random) {
  if (with_bias) bias = register_parameter("bias", initial_bias(weight_options.biases, out, in, random));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x, Pass& pass) {
  const LayerScope scope(this);
  check_shape(x, {any, weight.size(1)}, "linear");
  const auto linear = [&](const torch::Tensor& b) {
    return at::linear(x, effective_weight(pass).to(x.scalar_type()), cast_bias(b, x));
  };
  if (takes_start(pass)) initialise_by_data(linear({}), scale, bias);
  return linear(bias);
}

EmbeddingImpl::EmbeddingImpl(int64_t classes, int64_t channels, WeightOptions weight, Streams& random)
    : WeightedLayer({classes, channels}, std::move(weight), random) {}

torch::Tensor EmbeddingImpl::forward(const torch::Tensor& labels, Pass& pass) {
  const LayerScope scope(this);
  check_shape(labels, {any}, "embedding");
  return at::embedding(effective_weight(pass), labels);
}

}  // namespace fqgan
