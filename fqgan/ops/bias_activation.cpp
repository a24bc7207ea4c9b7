// Registration and autograd. The gradient is one kernel; where it is to be differentiated
// itself, it is a composition of plain operators and of the slope of the activation, which is constant.
#include "fqgan/ops/bias_activation.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <tuple>

#include "fqgan/core/shape.h"
#include "fqgan/ops/bias_activation_cpu.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/registration.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using MaybeTensor = std::optional<at::Tensor>;
using Gradients = cpu::ActivationGradients;
using cpu::of_bias, cpu::of_noise, cpu::of_scale, cpu::of_x;

using Forward = at::Tensor(const at::Tensor&, const MaybeTensor&, const MaybeTensor&, const MaybeTensor&, double,
                           double, double);
using Backward = Gradients(const at::Tensor&, const at::Tensor&, const at::Tensor&, const MaybeTensor&, int64_t, double,
                           double, double);

MaybeTensor maybe(const at::Tensor& t) { return t.defined() ? MaybeTensor(t) : std::nullopt; }
at::Tensor or_none(const MaybeTensor& t) { return t ? *t : at::Tensor(); }

void check(const at::Tensor& x, const BiasActivation& a) {
  if (a.bias.defined()) check_shape(a.bias, {x.size(1)}, "bias_activation bias");
  if (a.scale.defined()) check_shape(a.scale, {x.size(0), x.size(1)}, "bias_activation scale");
  if (a.noise.defined())
    check_shape(a.noise, {a.noise.size(0) == 1 ? 1 : x.size(0), 1, x.size(2), x.size(3)}, "bias_activation noise");
}

at::Tensor over_positions(const at::Tensor& per_channel, const at::Tensor& x) {  // N x C or C, as x broadcasts it
  if (x.dim() == 2) return per_channel;
  return per_channel.dim() == 1 ? per_channel.reshape({1, -1, 1, 1}) : per_channel.unsqueeze(2).unsqueeze(3);
}

// ---- below autograd ----

at::Tensor plain_forward(const at::Tensor& x, const BiasActivation& a) {
  const auto type = x.scalar_type();
  auto y = x;
  if (a.scale.defined()) y = y * over_positions(a.scale.to(type), x);
  if (a.noise.defined()) y = y + a.noise.to(type);
  if (a.bias.defined()) y = y + over_positions(a.bias.to(type), x);
  if (a.slope != 1) y = at::leaky_relu(y, a.slope);
  if (a.gain != 1) y = y * a.gain;
  return a.clamp > 0 ? y.clamp(-a.clamp, a.clamp) : y;
}

bool takes(const at::Tensor& x) { return x.is_cpu() && kernels_take(x); }

at::Tensor forward_kernel(const at::Tensor& x, const MaybeTensor& scale, const MaybeTensor& noise,
                          const MaybeTensor& bias, double slope, double gain, double clamp) {
  check_type(x, "bias_activation");
  const BiasActivation a{or_none(bias), or_none(scale), or_none(noise), slope, gain, clamp};
  check(x, a);
  return takes(x) ? cpu::bias_activation(x, scale, noise, bias, {slope, gain, clamp}) : plain_forward(in_order(x), a);
}

at::Tensor forward_meta(const at::Tensor& x, const MaybeTensor&, const MaybeTensor&, const MaybeTensor&, double, double,
                        double) {
  return x.dim() == 4 ? at::empty_like(x, at::MemoryFormat::ChannelsLast) : at::empty_like(x);
}

/// The derivative of the result by the value before the activation, from the result: gain or gain * slope, 0 where it
/// is clamped.
at::Tensor slopes(const at::Tensor& y, double slope, double gain, double clamp) {
  const auto value = [&](double v) { return at::full({}, v, y.options()); };
  auto slopes = at::where(y > 0, value(gain), value(gain * slope));
  return clamp > 0 ? slopes * (y.abs() < clamp) : slopes;
}

at::Tensor sum_to_scale(const at::Tensor& products) { return products.sum({2, 3}); }
at::Tensor sum_to_bias(const at::Tensor& slope) { return slope.dim() == 4 ? slope.sum({0, 2, 3}) : slope.sum(0); }

/// All gradients from t, the gradient times the slopes, through operators that can be differentiated.
Gradients gradients_of(const at::Tensor& t, const at::Tensor& x, const at::Tensor& scale, int64_t wanted) {
  return {wanted & of_x ? (scale.defined() ? t * over_positions(scale.to(t.scalar_type()), t) : t) : at::Tensor(),
          wanted & of_scale ? sum_to_scale(t * x) : at::Tensor(), wanted & of_noise ? t.sum(1, true) : at::Tensor(),
          wanted & of_bias ? sum_to_bias(t) : at::Tensor()};
}

Gradients backward_kernel(const at::Tensor& gradient, const at::Tensor& y, const at::Tensor& x,
                          const MaybeTensor& scale, int64_t wanted, double slope, double gain, double clamp) {
  auto [gx, gs, gn, gb] = takes(y) ? cpu::bias_activation_backward(gradient, y, x, scale, wanted, {slope, gain, clamp})
                                   : gradients_of(gradient * slopes(y, slope, gain, clamp), x, or_none(scale), wanted);
  const auto sums = y.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto in = [&](at::ScalarType type, const at::Tensor& t) {
    return t.defined() ? t.to(type) : at::empty({0}, y.options().dtype(type));
  };
  return {in(y.scalar_type(), gx), in(sums, gs), in(sums, gn), in(sums, gb)};
}

Gradients backward_meta(const at::Tensor& gradient, const at::Tensor& y, const at::Tensor& x, const MaybeTensor& scale,
                        int64_t wanted, double, double, double) {
  const auto floats = y.options().dtype(y.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  const auto make = [&](bool wants, at::IntArrayRef shape) {
    return at::empty(wants ? shape : at::IntArrayRef{0}, floats);
  };
  return {wanted & of_x ? forward_meta(y, {}, {}, {}, 0, 0, 0) : at::empty({0}, y.options()),
          make(wanted & of_scale, {y.size(0), y.size(1)}),
          make(wanted & of_noise, {y.size(0), 1, y.size(y.dim() - 2), y.size(y.dim() - 1)}),
          make(wanted & of_bias, {y.size(1)})};
}

// ---- autograd ----

/// A defined gradient in the type and shape of its input.
at::Tensor fitted(const at::Tensor& gradient, const at::Tensor& input) {
  if (!input.defined() || !gradient.defined() || gradient.numel() == 0) return {};
  return gradient.sum_to_size(input.sizes()).to(input.scalar_type());
}

struct BiasActivationFunction : torch::autograd::Function<BiasActivationFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const MaybeTensor& scale,
                            const MaybeTensor& noise, const MaybeTensor& bias, double slope, double gain,
                            double clamp) {
    at::AutoDispatchBelowADInplaceOrView below;
    static const auto op = dispatched<Forward>("fqgan::bias_activation");
    const auto y = op.call(x, scale, noise, bias, slope, gain, clamp);
    context->save_for_backward({scale ? x : at::Tensor(), y, or_none(scale), or_none(noise), or_none(bias)});
    context->saved_data["numbers"] = std::vector<double>{slope, gain, clamp};
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto n = context->saved_data["numbers"].toDoubleVector();
    const auto &x = saved[0], &y = saved[1], &scale = saved[2], &noise = saved[3], &bias = saved[4];
    const bool given[] = {true, scale.defined(), noise.defined(), bias.defined()};
    int64_t wanted = 0, input = 0;  // inputs are counted without those that are not given
    for (int64_t i = 0; i < 4; ++i)
      if (given[i] && context->needs_input_grad(input++)) wanted |= int64_t{1} << i;
    Gradients found;
    if (at::GradMode::is_enabled()) {
      found = gradients_of(gradients[0] * slopes(y.detach(), n[0], n[1], n[2]), x, scale, wanted);
    } else {
      static const auto op = dispatched<Backward>("fqgan::bias_activation_backward");
      found = op.call(gradients[0], y, x.defined() ? x : y, maybe(scale), wanted, n[0], n[1], n[2]);
    }
    const auto [gx, gs, gn, gb] = found;
    return {wanted & of_x ? gx : at::Tensor(),
            fitted(gs, scale),
            fitted(gn, noise),
            fitted(gb, bias),
            at::Tensor(),
            at::Tensor(),
            at::Tensor()};
  }
};

at::Tensor forward_autograd(const at::Tensor& x, const MaybeTensor& scale, const MaybeTensor& noise,
                            const MaybeTensor& bias, double slope, double gain, double clamp) {
  return BiasActivationFunction::apply(x, scale, noise, bias, slope, gain, clamp);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  add_operator(library,
               "bias_activation(Tensor x, Tensor? scale=None, Tensor? noise=None, Tensor? bias=None, float slope=1, "
               "float gain=1, float clamp=0) -> Tensor",
               forward_kernel, forward_meta, forward_autograd);
  add_closed_operator(library,
                      "bias_activation_backward(Tensor gradient, Tensor y, Tensor x, Tensor? scale, int wanted, float "
                      "slope, float gain, float clamp) -> (Tensor, Tensor, Tensor, Tensor)",
                      backward_kernel, backward_meta);
}

BiasActivation leaky_relu(double gain, double clamp) {
  BiasActivation a;
  a.slope = 0.2;
  a.gain = std::sqrt(2.) * gain;
  a.clamp = clamp * gain;
  return a;
}

at::Tensor bias_activation(const at::Tensor& x, const BiasActivation& a) {
  static const auto op = dispatched<Forward>("fqgan::bias_activation");
  return op.call(x, maybe(a.scale), maybe(a.noise), maybe(a.bias), a.slope, a.gain, a.clamp);
}

namespace reference {

at::Tensor bias_activation(const at::Tensor& x, const BiasActivation& a) {
  check(x, a);
  return plain_forward(x, a);
}

}  // namespace reference

}  // namespace fqgan::ops
