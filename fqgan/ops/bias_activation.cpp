// Registration, kernel on the processor, and autograd. The gradient is one kernel; where it is to be differentiated
// itself, it is a composition of plain operators and of the slope of the activation, which is constant.
#include "fqgan/ops/bias_activation.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "fqgan/core/shape.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/kernels/instruction_set.h"
#include "fqgan/ops/registration.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using MaybeTensor = std::optional<at::Tensor>;
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;  // of x, scale, noise, bias

using Forward = at::Tensor(const at::Tensor&, const MaybeTensor&, const MaybeTensor&, const MaybeTensor&, double,
                           double, double);
using Backward = Gradients(const at::Tensor&, const at::Tensor&, const at::Tensor&, const MaybeTensor&, int64_t, double,
                           double, double);

constexpr int64_t block_positions = 256;  // of an image, whose sums are taken together
enum Wanted { of_x = 1, of_scale = 2, of_noise = 4, of_bias = 8 };

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

// ---- on the processor ----

/// The limit is rounded as the results are, so that clamped values are known by it.
kernels::LeakyActivation leaky_of(double slope, double gain, double clamp, const at::Tensor& x) {
  auto limit = clamp > 0 ? static_cast<float>(clamp) : std::numeric_limits<float>::infinity();
  if (x.scalar_type() == at::kBFloat16) limit = static_cast<float>(at::BFloat16(limit));
  return {static_cast<float>(slope), static_cast<float>(gain), limit};
}

at::Tensor in_float(const MaybeTensor& t) { return t ? t->to(at::kFloat).contiguous() : at::Tensor(); }

/// Blocks of positions of one image, with what belongs to each.
struct Blocks {
  Blocks(const at::Tensor& x, const MaybeTensor& scale, const MaybeTensor& noise, const MaybeTensor& bias)
      : scale(in_float(scale)), noise(in_float(noise)), bias(in_float(bias)), channels(x.size(1)) {
    bfloat16 = x.scalar_type() == at::kBFloat16;
    positions = x.dim() == 4 ? x.size(2) * x.size(3) : 1;
    per_image = (positions + block_positions - 1) / block_positions;
    count = x.size(0) * per_image;
  }
  int64_t first(int64_t block) const { return block % per_image * block_positions; }
  int64_t row(int64_t block) const { return block / per_image * positions + first(block); }
  kernels::ActivationRows rows(int64_t block) const {
    kernels::ActivationRows rows{std::min(block_positions, positions - first(block)), channels, bfloat16};
    const auto image = block / per_image;
    rows.scale = scale.defined() ? scale.const_data_ptr<float>() + image * channels : nullptr;
    rows.bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
    if (noise.defined())
      rows.noise = noise.const_data_ptr<float>() + (noise.size(0) == 1 ? 0 : image * positions) + first(block);
    return rows;
  }
  at::Tensor scale, noise, bias;
  int64_t channels, positions, per_image, count;
  bool bfloat16;
};

at::Tensor ordered(const at::Tensor& x) { return x.dim() == 4 ? in_channels_last(x) : x.contiguous(); }

at::Tensor forward_cpu(const at::Tensor& given, const MaybeTensor& scale, const MaybeTensor& noise,
                       const MaybeTensor& bias, const kernels::LeakyActivation& leaky) {
  const auto x = ordered(given);
  const auto y = at::empty_like(x);
  const Blocks blocks(x, scale, noise, bias);
  const auto* from = static_cast<const char*>(x.const_data_ptr());
  auto* to = static_cast<char*>(y.mutable_data_ptr());
  const auto row_size = blocks.channels * x.element_size();
  at::parallel_for(0, blocks.count, 1, [&](int64_t begin, int64_t end) {
    for (auto b = begin; b < end; ++b)
      kernels::active().loops.activation.forward(blocks.rows(b), leaky, from + blocks.row(b) * row_size,
                                                 to + blocks.row(b) * row_size);
  });
  return y;
}

Gradients backward_cpu(const at::Tensor& gradient, const at::Tensor& given_y, const at::Tensor& given_x,
                       const MaybeTensor& scale, int64_t wanted, const kernels::LeakyActivation& leaky) {
  const auto g = ordered(gradient.to(given_y.scalar_type())), y = ordered(given_y);
  const auto x = wanted & of_scale ? ordered(given_x) : at::Tensor();
  const Blocks blocks(y, scale, std::nullopt, std::nullopt);
  const auto floats = y.options().dtype(at::kFloat);
  const auto gx = wanted & of_x ? at::empty_like(y) : at::Tensor();
  const auto images = y.size(0), channels = blocks.channels;
  const auto sums = [&](bool wants) { return wants ? at::empty({blocks.count, channels}, floats) : at::Tensor(); };
  const auto scales = sums(wanted & of_scale), biases = sums(wanted & of_bias);
  const auto noises = wanted & of_noise ? at::empty({images, 1, y.size(2), y.size(3)}, floats) : at::Tensor();
  const auto row_size = channels * y.element_size();
  const auto at_row = [&](const at::Tensor& t, int64_t block) -> char* {
    return t.defined() ? static_cast<char*>(t.data_ptr()) + blocks.row(block) * row_size : nullptr;
  };
  at::parallel_for(0, blocks.count, 1, [&](int64_t begin, int64_t end) {
    for (auto b = begin; b < end; ++b) {
      const auto of = [&](const at::Tensor& t, int64_t offset) {
        return t.defined() ? t.data_ptr<float>() + offset : nullptr;
      };
      const kernels::ActivationSums own{of(scales, b * channels), of(noises, blocks.row(b)), of(biases, b * channels)};
      kernels::active().loops.activation.backward(blocks.rows(b), leaky, at_row(g, b), at_row(y, b), at_row(x, b),
                                                  at_row(gx, b), own);
    }
  });
  return {gx, scales.defined() ? scales.reshape({images, -1, channels}).sum(1) : scales, noises,
          biases.defined() ? biases.to(at::kDouble).sum(0).to(at::kFloat) : biases};
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
  return takes(x) ? forward_cpu(x, scale, noise, bias, leaky_of(slope, gain, clamp, x)) : plain_forward(in_order(x), a);
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
  auto [gx, gs, gn, gb] = takes(y) ? backward_cpu(gradient, y, x, scale, wanted, leaky_of(slope, gain, clamp, x))
                                   : gradients_of(gradient * slopes(y, slope, gain, clamp), x, or_none(scale), wanted);
  const auto or_empty = [&](const at::Tensor& t) { return t.defined() ? t : at::empty({0}, y.options()); };
  return {or_empty(gx), or_empty(gs), or_empty(gn), or_empty(gb)};
}

Gradients backward_meta(const at::Tensor& gradient, const at::Tensor& y, const at::Tensor& x, const MaybeTensor& scale,
                        int64_t wanted, double, double, double) {
  const auto floats = y.options().dtype(y.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  const auto make = [&](bool wants, at::IntArrayRef shape) {
    return at::empty(wants ? shape : at::IntArrayRef{0}, floats);
  };
  return {wanted & of_x ? forward_meta(y, {}, {}, {}, 0, 0, 0) : at::empty({0}, floats),
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
