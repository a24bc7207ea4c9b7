// Registration, Meta kernel and autograd of the convolution. As in quantize.cpp, the backward operator is closed to
// autograd; the form without ReLU and residual has a gradient that is made of such operators.
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

using Forward = at::Tensor(const at::Tensor&, const at::Tensor&, const MaybeTensor&, const MaybeTensor&, int64_t, bool,
                           bool);
using Backward = Gradients(const at::Tensor&, const at::Tensor&, const at::Tensor&, int64_t, bool, bool, bool, bool,
                           bool);

template <class Size>
Size resampled_size(const Size& n, Resample form, bool border) {
  const int64_t more = border ? 2 : 0;
  return form == Resample::up ? n * 2 + 2 * more : form == Resample::down ? n / 2 - more : n;
}

Resample form_of(int64_t resample) {
  if (resample < 0 || resample > 2)
    fail("convolution", "expected resample 0 (none), 1 (up) or 2 (down), got " + std::to_string(resample));
  return static_cast<Resample>(resample);
}

int64_t result_size(const at::Tensor& x, int64_t dimension, const Convolution& c) {
  return resampled(x.size(dimension), c.resample, c.border);
}

void check_border(const at::Tensor& x, const Convolution& c) {
  if (c.resample == Resample::none || c.weight.size(2) != 3 || c.bias || c.residual)
    fail("convolution", "a border needs a 3 x 3 kernel and resampling, and neither bias nor residual");
  if (c.resample == Resample::down && (x.size(2) < 6 || x.size(3) < 6))
    fail("convolution", "averaging with a border needs a map of at least 6 x 6, got " + shape_text(x.sizes()));
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
  if (c.border) check_border(x, c);
  if (c.bias) check_shape(*c.bias, {out}, "convolution bias");
  if (!c.residual) return;
  const auto height = result_size(x, 2, c), width = result_size(x, 3, c);
  const bool half = c.residual->dim() == 4 && 2 * c.residual->size(2) == height;
  check_shape(*c.residual, {x.size(0), out, half ? height / 2 : height, half ? width / 2 : width},
              "convolution residual");
}

// ---- below autograd ----

at::Tensor forward_kernel(const at::Tensor& given, const at::Tensor& weight, const MaybeTensor& bias,
                          const MaybeTensor& residual, int64_t resample, bool relu, bool border) {
  Convolution c{weight, bias, residual, form_of(resample), relu, std::nullopt, border};
  check(given, c);
  const auto x = in_channels_last(given);
  c.weight = weight.contiguous();
  if (bias) c.bias = bias->to(weight.scalar_type()).contiguous();
  if (residual) c.residual = in_channels_last(residual->to(x.scalar_type()));
  if (winograd::takes(x, c)) return winograd::convolution(x, c);
  return few::takes(x, c) ? few::convolution(x, c) : in_channels_last(folded::convolution(x, c));
}

at::Tensor forward_meta(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor&, const MaybeTensor&,
                        int64_t resample, bool, bool border) {
  const auto form = form_of(resample);
  const auto size = [&](const c10::SymInt& n) { return resampled_size(n, form, border); };
  return at::empty_symint({x.sym_size(0), weight.sym_size(0), size(x.sym_size(2)), size(x.sym_size(3))}, x.options(),
                          at::MemoryFormat::ChannelsLast);
}

Gradients backward_kernel(const at::Tensor& gradient, const at::Tensor& given, const at::Tensor& weights,
                          int64_t resample, bool relu, bool has_bias, bool wants_x, bool wants_weight, bool border) {
  const auto x = in_channels_last(given), weight = weights.contiguous();
  const auto bias = has_bias ? MaybeTensor(weight) : std::nullopt;
  const Convolution c{weight, bias, std::nullopt, form_of(resample), relu, std::nullopt, border};
  check_shape(gradient, {x.size(0), weight.size(0), result_size(x, 2, c), result_size(x, 3, c)},
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
                        bool wants_x, bool wants_weight, bool) {
  const auto none = at::empty({0}, weight.options());
  const bool bias = has_bias && wants_weight;
  const auto like = [](const at::Tensor& t, at::MemoryFormat format) { return at::empty_like(t, format); };
  return {wants_x ? like(x, at::MemoryFormat::ChannelsLast) : none,
          wants_weight ? like(weight, at::MemoryFormat::Contiguous) : none,
          bias ? at::empty_symint({weight.sym_size(0)}, weight.options()) : none};
}

// ---- autograd ----

at::Tensor call(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias = std::nullopt,
                const MaybeTensor& residual = std::nullopt, int64_t resample = 0, bool relu = false,
                bool border = false) {
  static const auto op = dispatched<Forward>("fqgan::convolution");
  return op.call(x, weight, bias, residual, resample, relu, border);
}

/// The gradient of x without ReLU: a convolution with the weight turned around, Ci x Co x k x k. Upsampling and
/// averaging are adjoint up to a factor.
at::Tensor input_gradient(const at::Tensor& gradient, const at::Tensor& weight, Resample form, bool border) {
  const auto turned = weight.flip({2, 3}).transpose(0, 1);
  if (form == Resample::none) return call(gradient, turned);
  const bool up = form == Resample::up;
  const auto back = static_cast<int64_t>(up ? Resample::down : Resample::up);
  return call(gradient, turned * (up ? 4. : 0.25), std::nullopt, std::nullopt, back, false, border);
}

/// The gradient of the weight without ReLU, which can be differentiated itself: by the gradient it is the convolution
/// of x, and by x that of the gradient.
struct WeightGradientFunction : torch::autograd::Function<WeightGradientFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gradient, const at::Tensor& x,
                            const at::Tensor& weight, int64_t resample, bool border) {
    context->save_for_backward({gradient, x});
    context->saved_data["resample"] = resample;
    context->saved_data["border"] = border;
    at::AutoDispatchBelowADInplaceOrView below;
    static const auto op = dispatched<Backward>("fqgan::convolution_backward");
    return std::get<1>(op.call(gradient, x, weight, resample, false, false, false, true, border));
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& as_weight = gradients[0];
    const auto resample = context->saved_data["resample"].toInt();
    const bool border = context->saved_data["border"].toBool();
    at::Tensor of_gradient, of_x;
    if (context->needs_input_grad(0))
      of_gradient = call(saved[1], as_weight, std::nullopt, std::nullopt, resample, false, border);
    if (context->needs_input_grad(1)) of_x = input_gradient(saved[0], as_weight, form_of(resample), border);
    return {of_gradient, of_x, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

struct ConvolutionFunction : torch::autograd::Function<ConvolutionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const MaybeTensor& bias, const MaybeTensor& residual, int64_t resample, bool relu,
                            bool border) {
    context->save_for_backward({x, weight});
    context->saved_data["resample"] = resample;
    context->saved_data["relu"] = relu;
    context->saved_data["bias"] = bias.has_value();
    context->saved_data["half"] = residual && residual->size(2) != resampled(x.size(2), form_of(resample), border);
    context->saved_data["residual"] = residual.has_value();
    context->saved_data["border"] = border;
    at::AutoDispatchBelowADInplaceOrView below;
    return call(x, weight, bias, residual, resample, relu, border);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto& gradient = gradients[0];
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const bool wants_x = context->needs_input_grad(0), wants_weight = context->needs_input_grad(1);
    const bool bias = data["bias"].toBool(), border = data["border"].toBool();
    const auto resample = data["resample"].toInt();
    const at::Tensor none;
    if (at::GradMode::is_enabled() && !data["relu"].toBool() && !data["residual"].toBool())
      return {wants_x ? input_gradient(gradient, saved[1], form_of(resample), border) : none,
              wants_weight ? WeightGradientFunction::apply(gradient, saved[0], saved[1], resample, border) : none,
              wants_weight && bias ? gradient.to(saved[1].scalar_type()).sum({0, 2, 3}) : none,
              none,
              none,
              none,
              none};
    at::Tensor residual;
    if (data["residual"].toBool()) residual = data["half"].toBool() ? at::avg_pool2d(gradient, 2) * 4 : gradient;
    static const auto op = dispatched<Backward>("fqgan::convolution_backward");
    const auto [dx, dw, db] =
        op.call(gradient, saved[0], saved[1], resample, data["relu"].toBool(), bias, wants_x, wants_weight, border);
    return {
        wants_x ? dx : none, wants_weight ? dw : none, wants_weight && bias ? db : none, residual, none, none, none};
  }
};

at::Tensor forward_autograd(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias,
                            const MaybeTensor& residual, int64_t resample, bool relu, bool border) {
  return ConvolutionFunction::apply(x, weight, bias, residual, resample, relu, border);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  add_operator(
      library,
      "convolution(Tensor x, Tensor weight, Tensor? bias=None, Tensor? residual=None, int resample=0, bool relu=False, "
      "bool border=False) -> Tensor",
      forward_kernel, forward_meta, forward_autograd);
  add_closed_operator(
      library,
      "convolution_backward(Tensor gradient, Tensor x, Tensor weight, int resample, bool relu, bool has_bias, "
      "bool wants_x, bool wants_weight, bool border=False) -> (Tensor, Tensor, Tensor)",
      backward_kernel, backward_meta);
}

at::Tensor convolution(const at::Tensor& x, const Convolution& c) {
  if (c.geometry) return reference::convolution(x, c);
  return call(x, c.weight, c.bias, c.residual, static_cast<int64_t>(c.resample), c.relu, c.border);
}

int64_t resampled(int64_t size, Resample form, bool border) { return resampled_size(size, form, border); }

}  // namespace fqgan::ops
