#include "fqgan/nn/weight_norm.h"

#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/ops/convolution.h"
#include "fqgan/ops/weight_norm_linear.h"

namespace fqgan {
namespace {

/// Every dimension but `kept`.
std::vector<int64_t> others(int64_t dims, int64_t kept) {
  std::vector<int64_t> list;
  for (int64_t d = 0; d < dims; ++d)
    if (d != kept) list.push_back(d);
  return list;
}

/// C -> 1 x C (x 1 x 1), or with its place elsewhere.
torch::Tensor along(const torch::Tensor& values, int64_t dims, int64_t place) {
  std::vector<int64_t> shape(dims, 1);
  shape[place] = values.size(0);
  return values.view(shape);
}

/// scale / |v|, Co.
torch::Tensor factor_of(const torch::Tensor& weight, const torch::Tensor& scale, int64_t output) {
  return scale / at::linalg_vector_norm(weight, 2, others(weight.dim(), output));
}

}  // namespace

torch::Tensor weight_normalized(const torch::Tensor& weight, const torch::Tensor& scale, int64_t output) {
  return weight * along(factor_of(weight, scale, output), weight.dim(), output);
}

torch::Tensor initialise_by_data(const torch::Tensor& activations, torch::Tensor scale, torch::Tensor bias,
                                 double deviation) {
  torch::NoGradGuard no_grad;
  const auto a = activations.to(scale.scalar_type());
  const auto rest = others(a.dim(), 1);
  const auto mean = a.mean(rest), centred = a - along(mean, a.dim(), 1);
  const auto found = centred.square().mean(rest).sqrt();
  const auto factor = at::where(found < 1e-8, at::ones_like(found), deviation / found);  // a constant keeps its scale
  scale.mul_(factor);
  if (bias.defined()) bias.copy_(-mean * factor);
  return ((bias.defined() ? centred : a) * along(factor, a.dim(), 1)).to(activations.scalar_type());
}

WeightNormLayer::WeightNormLayer(std::vector<int64_t> shape, int64_t output, WeightNormOptions o, Streams& random)
    : options(o), output_(output) {
  weight = register_parameter("weight", random.normal(shape, "weight").mul_(o.initial));
  const auto ones = torch::ones({shape[output]});
  scale = o.train_scale ? register_parameter("scale", ones) : register_buffer("scale", ones);
  bias = register_parameter("bias", torch::zeros({shape[output]}));
}

WeightNormLinearImpl::WeightNormLinearImpl(int64_t in, int64_t out, WeightNormOptions o, Streams& random)
    : WeightNormLayer({out, in}, 0, o, random) {}

torch::Tensor WeightNormLinearImpl::forward(const torch::Tensor& x, Pass& pass, bool relu) {
  const LayerScope scope(this);
  check_shape(x, {any, weight.size(1)}, "weight_norm_linear");
  if (pass.initialise && options.by_data) {
    const auto products =
        at::linear(x, weight.to(x.scalar_type())) * factor_of(weight, scale, output_).to(x.scalar_type());
    const auto y = initialise_by_data(products, scale, bias, options.deviation);
    return relu ? at::relu(y) : y;
  }
  return pass.twin ? ops::twin::weight_norm_linear(x, weight, scale, bias, relu)
                   : ops::weight_norm_linear(x, weight, scale, bias, relu);
}

WeightNormConv2dImpl::WeightNormConv2dImpl(WeightNormConv2dOptions c, WeightNormOptions o, Streams& random)
    : WeightNormLayer(c.transposed ? std::vector<int64_t>{c.in, c.out, c.kernel, c.kernel}
                                   : std::vector<int64_t>{c.out, c.in, c.kernel, c.kernel},
                      c.transposed ? 1 : 0, o, random),
      convolution(c) {}

torch::Tensor WeightNormConv2dImpl::forward(const torch::Tensor& x, Pass& pass) {
  const LayerScope scope(this);
  check_shape(x, {any, convolution.in, any, any}, "weight_norm_conv2d");
  const auto effective = weight_normalized(weight, scale, output_);
  if (pass.initialise && options.by_data)
    return initialise_by_data(convolved(x, effective, std::nullopt, pass), scale, bias, options.deviation);
  return convolved(x, effective, bias, pass);
}

torch::Tensor WeightNormConv2dImpl::convolved(const torch::Tensor& x, const torch::Tensor& w,
                                              const std::optional<torch::Tensor>& b, const Pass& pass) const {
  const auto& c = convolution;
  const bool same = !c.transposed && c.stride == 1 && c.padding == c.kernel / 2 && (c.kernel == 1 || c.kernel == 3);
  if (same && !pass.twin) return ops::convolution(x, {.weight = w, .bias = b});
  const auto cast = [&](const torch::Tensor& t) { return t.to(x.scalar_type()); };
  const auto with = b ? std::optional(cast(*b)) : std::nullopt;
  if (!c.transposed) return at::conv2d(x, cast(w), with, c.stride, c.padding);
  return at::conv_transpose2d(x, cast(w), with, c.stride, c.padding, 2 * c.padding + c.stride - c.kernel);
}

}  // namespace fqgan
