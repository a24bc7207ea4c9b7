// Registration, Meta kernel and autograd of the convolution. As in quantize.cpp, the backward operator is closed to
// autograd; the plain form, without ReLU, residual and resampling, has a gradient that is made of such operators.
#include "fqgan/ops/convolution.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/ops/convolution_few.h"
#include "fqgan/ops/convolution_folded.h"
#include "fqgan/ops/convolution_winograd.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/registration.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using MaybeTensor = std::optional<at::Tensor>;
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

using Forward = at::Tensor(const at::Tensor&, const at::Tensor&, const MaybeTensor&, const MaybeTensor&, int64_t, bool);
using Backward = Gradients(const at::Tensor&, const at::Tensor&, const at::Tensor&, int64_t, bool, bool, bool, bool);

Resample form_of(int64_t resample) {
  if (resample < 0 || resample > 2)
    fail("convolution", "expected resample 0 (none), 1 (up) or 2 (down), got " + std::to_string(resample));
  return static_cast<Resample>(resample);
}

int64_t resampled(int64_t size, Resample form) {
  return form == Resample::up ? 2 * size : form == Resample::down ? size / 2 : size;
}

void check(const at::Tensor& x, const Convolution& c) {
  check_type(x, "convolution");
  check_shape(c.weight, {any, any, any, any}, "convolution weight");
  const auto out = c.weight.size(0), kernel = c.weight.size(2);
  if ((kernel != 1 && kernel != 3) || c.weight.size(3) != kernel)
    fail("convolution weight", "expected a kernel of 1 x 1 or 3 x 3, got " + shape_text(c.weight.sizes()));
  check_shape(x, {any, c.weight.size(1), any, any}, "convolution");
  if (c.resample == Resample::down && (x.size(2) % 2 || x.size(3) % 2))
    fail("convolution", "averaging needs an even height and width, got " + shape_text(x.sizes()));
  if (c.bias) check_shape(*c.bias, {out}, "convolution bias");
  if (!c.residual) return;
  const auto height = resampled(x.size(2), c.resample), width = resampled(x.size(3), c.resample);
  const bool half = c.residual->dim() == 4 && 2 * c.residual->size(2) == height;
  check_shape(*c.residual, {x.size(0), out, half ? height / 2 : height, half ? width / 2 : width},
              "convolution residual");
}

// ---- below autograd ----

at::Tensor forward_kernel(const at::Tensor& given, const at::Tensor& weight, const MaybeTensor& bias,
                          const MaybeTensor& residual, int64_t resample, bool relu) {
  Convolution c{weight, bias, residual, form_of(resample), relu};
  check(given, c);
  const auto x = in_channels_last(given);
  c.weight = weight.contiguous();
  if (bias) c.bias = bias->to(weight.scalar_type()).contiguous();
  if (residual) c.residual = in_channels_last(residual->to(x.scalar_type()));
  if (winograd::takes(x, c)) return winograd::convolution(x, c);
  return few::takes(x, c) ? few::convolution(x, c) : in_channels_last(folded::convolution(x, c));
}

at::Tensor forward_meta(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor&, const MaybeTensor&,
                        int64_t resample, bool) {
  const auto form = form_of(resample);
  const auto size = [&](const c10::SymInt& n) {
    return form == Resample::up ? n * 2 : form == Resample::down ? n / 2 : n;
  };
  return at::empty_symint({x.sym_size(0), weight.sym_size(0), size(x.sym_size(2)), size(x.sym_size(3))}, x.options(),
                          at::MemoryFormat::ChannelsLast);
}

Gradients backward_kernel(const at::Tensor& gradient, const at::Tensor& given, const at::Tensor& weights,
                          int64_t resample, bool relu, bool has_bias, bool wants_x, bool wants_weight) {
  const auto x = in_channels_last(given), weight = weights.contiguous();
  const Convolution c{weight, has_bias ? MaybeTensor(weight) : std::nullopt, std::nullopt, form_of(resample), relu};
  check_shape(gradient, {x.size(0), weight.size(0), resampled(x.size(2), c.resample), resampled(x.size(3), c.resample)},
              "convolution_backward gradient");
  const auto g = in_channels_last(gradient.to(x.scalar_type()));
  const auto gradients = winograd::takes(x, c) ? winograd::gradients
                         : few::takes(x, c)    ? few::gradients
                                               : folded::gradients;
  auto [dx, dw, db] = gradients(g, x, c, wants_x, wants_weight);
  if (dx.defined()) dx = in_channels_last(dx);
  const auto or_empty = [&](const at::Tensor& t) { return t.defined() ? t : at::empty({0}, weight.options()); };
  return {or_empty(dx), or_empty(dw), or_empty(db)};
}

Gradients backward_meta(const at::Tensor&, const at::Tensor& x, const at::Tensor& weight, int64_t, bool, bool has_bias,
                        bool wants_x, bool wants_weight) {
  const auto none = at::empty({0}, weight.options());
  const bool bias = has_bias && wants_weight;
  const auto like = [](const at::Tensor& t, at::MemoryFormat format) { return at::empty_like(t, format); };
  return {wants_x ? like(x, at::MemoryFormat::ChannelsLast) : none,
          wants_weight ? like(weight, at::MemoryFormat::Contiguous) : none,
          bias ? at::empty_symint({weight.sym_size(0)}, weight.options()) : none};
}

// ---- autograd ----

at::Tensor call(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias = std::nullopt,
                const MaybeTensor& residual = std::nullopt, int64_t resample = 0, bool relu = false) {
  static const auto op = dispatched<Forward>("fqgan::convolution");
  return op.call(x, weight, bias, residual, resample, relu);
}

/// The weight of the convolution that the gradient takes: Ci x Co x k x k, turned around.
at::Tensor turned(const at::Tensor& weight) { return weight.flip({2, 3}).transpose(0, 1); }

/// The gradient of a plain convolution's weight, which can be differentiated itself: by the gradient it is the
/// convolution of x, and by x that of the gradient.
struct WeightGradientFunction : torch::autograd::Function<WeightGradientFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gradient, const at::Tensor& x,
                            const at::Tensor& weight) {
    context->save_for_backward({gradient, x});
    at::AutoDispatchBelowADInplaceOrView below;
    static const auto op = dispatched<Backward>("fqgan::convolution_backward");
    return std::get<1>(op.call(gradient, x, weight, 0, false, false, false, true));
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& as_weight = gradients[0];
    return {context->needs_input_grad(0) ? call(saved[1], as_weight) : at::Tensor(),
            context->needs_input_grad(1) ? call(saved[0], turned(as_weight)) : at::Tensor(), at::Tensor()};
  }
};

struct ConvolutionFunction : torch::autograd::Function<ConvolutionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const MaybeTensor& bias, const MaybeTensor& residual, int64_t resample, bool relu) {
    context->save_for_backward({x, weight});
    context->saved_data["resample"] = resample;
    context->saved_data["relu"] = relu;
    context->saved_data["bias"] = bias.has_value();
    context->saved_data["half"] = residual && residual->size(2) != resampled(x.size(2), form_of(resample));
    context->saved_data["residual"] = residual.has_value();
    at::AutoDispatchBelowADInplaceOrView below;
    return call(x, weight, bias, residual, resample, relu);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto& gradient = gradients[0];
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const bool wants_x = context->needs_input_grad(0), wants_weight = context->needs_input_grad(1);
    const bool bias = data["bias"].toBool();
    const bool plain = !data["relu"].toBool() && !data["residual"].toBool() && data["resample"].toInt() == 0;
    if (at::GradMode::is_enabled() && plain)
      return {wants_x ? call(gradient, turned(saved[1])) : at::Tensor(),
              wants_weight ? WeightGradientFunction::apply(gradient, saved[0], saved[1]) : at::Tensor(),
              wants_weight && bias ? gradient.to(saved[1].scalar_type()).sum({0, 2, 3}) : at::Tensor(),
              at::Tensor(),
              at::Tensor(),
              at::Tensor()};
    at::Tensor residual;
    if (data["residual"].toBool()) residual = data["half"].toBool() ? at::avg_pool2d(gradient, 2) * 4 : gradient;
    static const auto op = dispatched<Backward>("fqgan::convolution_backward");
    const auto [dx, dw, db] = op.call(gradient, saved[0], saved[1], data["resample"].toInt(), data["relu"].toBool(),
                                      bias, wants_x, wants_weight);
    return {wants_x ? dx : at::Tensor(),
            wants_weight ? dw : at::Tensor(),
            wants_weight && bias ? db : at::Tensor(),
            residual,
            at::Tensor(),
            at::Tensor()};
  }
};

at::Tensor forward_autograd(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias,
                            const MaybeTensor& residual, int64_t resample, bool relu) {
  return ConvolutionFunction::apply(x, weight, bias, residual, resample, relu);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  add_operator(
      library,
      "convolution(Tensor x, Tensor weight, Tensor? bias=None, Tensor? residual=None, int resample=0, bool relu=False) "
      "-> Tensor",
      forward_kernel, forward_meta, forward_autograd);
  add_closed_operator(
      library,
      "convolution_backward(Tensor gradient, Tensor x, Tensor weight, int resample, bool relu, bool has_bias, "
      "bool wants_x, bool wants_weight) -> (Tensor, Tensor, Tensor)",
      backward_kernel, backward_meta);
}

at::Tensor convolution(const at::Tensor& x, const Convolution& c) {
  if (c.geometry) return reference::convolution(x, c);
  return call(x, c.weight, c.bias, c.residual, static_cast<int64_t>(c.resample), c.relu);
}

}  // namespace fqgan::ops
