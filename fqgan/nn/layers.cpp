#include "fqgan/nn/layers.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/ops/weight_norm_linear.h"

namespace fqgan {
namespace {

constexpr int64_t largest_kernel = 7;

void check_conv2d(const Conv2dOptions& o) {
  FQGAN_CHECK(o.in >= 1 && o.out >= 1, "[conv2d] expected at least one channel");
  for (const auto side : {o.kernel.height, o.kernel.width})
    FQGAN_CHECK(side >= 1 && side <= largest_kernel, "[conv2d] expected a kernel of 1 to 7 pixels");
  FQGAN_CHECK(o.stride >= 1, "[conv2d] expected a stride of at least 1");
  FQGAN_CHECK(o.groups >= 1 && o.in % o.groups == 0 && o.out % o.groups == 0,
              "[conv2d] expected groups that divide both numbers of channels");
  FQGAN_CHECK(o.resample == Resample::none || (o.stride == 1 && !o.transposed),
              "[conv2d] expected one of resampling, a stride and a transposed convolution");
  FQGAN_CHECK(o.border == Border::zeros || !o.transposed, "[conv2d] a transposed convolution has zeros as border");
  FQGAN_CHECK(!o.output_padding || o.transposed, "[conv2d] output_padding is only for transposed convolutions");
}

Padding same_padding(const KernelSize& k, bool transposed) {
  const auto half = [](int64_t side) { return (side - 1) / 2; };
  if (transposed) return {half(k.width), half(k.width), half(k.height), half(k.height)};
  return {half(k.width), k.width / 2, half(k.height), k.height / 2};
}

/// The geometry of a convolution; unset for the forms that ops/convolution.h has an operator for.
std::optional<ops::Geometry> geometry_of(const Conv2dOptions& o) {
  check_conv2d(o);
  const auto same = same_padding(o.kernel, o.transposed), p = o.padding.value_or(same);
  FQGAN_CHECK(std::min({p.left, p.right, p.top, p.bottom}) >= 0, "[conv2d] expected no negative padding");
  ops::Geometry geometry{o.stride, o.groups, p, o.border, o.transposed};
  if (o.transposed) {
    FQGAN_CHECK(p.left == p.right && p.top == p.bottom,
                "[conv2d] a transposed convolution needs the same padding on both sides");
    geometry.output_height = o.output_padding.value_or(o.stride + 2 * p.top - o.kernel.height);
    geometry.output_width = o.output_padding.value_or(o.stride + 2 * p.left - o.kernel.width);
    for (const auto more : {geometry.output_height, geometry.output_width})
      FQGAN_CHECK(more >= 0 && more < o.stride, "[conv2d] no output_padding makes the map grow by the stride exactly");
  }
  const bool square = o.kernel.height == o.kernel.width && (o.kernel.height == 1 || o.kernel.height == 3);
  const bool plain = p == same && (o.border == Border::zeros || p == Padding{});
  if (square && plain && o.stride == 1 && o.groups == 1 && !o.transposed) return std::nullopt;
  return geometry;
}

WeightShape weight_shape(const Conv2dOptions& o) {
  const auto& k = o.kernel;
  if (o.transposed) return {{o.in, o.out / o.groups, k.height, k.width}, 1, o.groups};
  return {{o.out, o.in / o.groups, k.height, k.width}};
}

}  // namespace

Conv2dImpl::Conv2dImpl(Conv2dOptions o, WeightOptions weight, Streams& random)
    : WeightedLayer((check_conv2d(o), weight_shape(o)), std::move(weight), random),
      options(std::move(o)),
      geometry_(geometry_of(options)) {
  const auto fan_in = options.in / options.groups * options.kernel.height * options.kernel.width;
  bias = register_bias(options.bias, fan_in, random);
}

torch::Tensor Conv2dImpl::forward(const torch::Tensor& x, Pass& pass, const torch::Tensor& residual) {
  const LayerScope scope(this);
  check_shape(x, {any, options.in, any, any}, "conv2d");
  const auto maybe = [](const torch::Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
  const auto convolved = [&](const torch::Tensor& b, const torch::Tensor& r) {
    const ops::Convolution c{effective_weight(pass), maybe(b), maybe(r), options.resample, options.relu, geometry_};
    return pass.plain() ? ops::reference::convolution(x, c) : ops::convolution(x, c);
  };
  if (takes_start(pass)) initialise_by_data(convolved({}, {}), scale, bias, weight_options.data_std, pass.ranks);
  return convolved(effective_bias(bias), residual);
}

LinearImpl::LinearImpl(int64_t in, int64_t out, bool with_bias, WeightOptions weight, Streams& random)
    : WeightedLayer({{out, in}}, std::move(weight), random) {
  bias = register_bias(with_bias, in, random);
}

torch::Tensor LinearImpl::products(const torch::Tensor& x, const torch::Tensor& with_bias, Pass& pass) {
  const auto type = x.scalar_type();
  return at::linear(x, effective_weight(pass).to(type), with_bias.defined() ? with_bias.to(type) : with_bias);
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x, Pass& pass, bool relu) {
  const LayerScope scope(this);
  check_shape(x, {any, weight.size(1)}, "linear");
  if (takes_start(pass)) initialise_by_data(products(x, {}, pass), scale, bias, weight_options.data_std, pass.ranks);
  if (scale.defined() && bias.defined())
    return pass.plain() ? ops::reference::weight_norm_linear(x, weight, scale, bias, relu)
                                    : ops::weight_norm_linear(x, weight, scale, bias, relu);
  const auto y = products(x, effective_bias(bias), pass);
  return relu ? at::relu(y) : y;
}

EmbeddingImpl::EmbeddingImpl(int64_t classes, int64_t channels, WeightOptions weight, Streams& random)
    : WeightedLayer({{classes, channels}}, std::move(weight), random) {}

torch::Tensor EmbeddingImpl::forward(const torch::Tensor& labels, Pass& pass) {
  const LayerScope scope(this);
  check_shape(labels, {any}, "embedding");
  return at::embedding(effective_weight(pass), labels);
}

}  // namespace fqgan
