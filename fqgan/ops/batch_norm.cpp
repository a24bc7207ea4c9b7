// Registration, Meta kernels and autograd of batch normalization. As in quantize.cpp, the backward operator is closed
// to autograd.
#include "fqgan/ops/batch_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/ops/batch_norm_cpu.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/registration.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;
using Forward = Three(const at::Tensor&, const at::Tensor&, const at::Tensor&, double);
using Backward = Three(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                       double);

constexpr auto channels_last = at::MemoryFormat::ChannelsLast;

bool takes(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias) {
  return kernels_take(x) && gain.scalar_type() == at::kFloat && bias.scalar_type() == at::kFloat;
}

void check(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias) {
  check_shape(x, {any, any, any, any}, "batch_norm");
  check_type(x, "batch_norm");
  if (x.numel() == 0) fail("batch_norm", "expected at least one image, got " + shape_text(x.sizes()));
  for (const auto& [values, name] : {std::pair(gain, "batch_norm gain"), std::pair(bias, "batch_norm bias")}) {
    if (values.dim() == 2)
      check_shape(values, {x.size(0), x.size(1)}, name);
    else
      check_shape(values, {x.size(1)}, name);
  }
}

Three forward_kernel(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double epsilon) {
  check(x, gain, bias);
  const auto input = in_channels_last(x), factor = gain.contiguous(), offset = bias.contiguous();
  if (takes(x, gain, bias)) return cpu::batch_norm(input, factor, offset, epsilon);
  auto [y, mean, variance] = reference::batch_norm(input, factor, offset, epsilon);
  return {in_channels_last(y), mean, variance};
}

Three backward_kernel(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& gain, const at::Tensor& mean,
                      const at::Tensor& variance, double epsilon) {
  check_shape(gradient, x.sizes().vec(), "batch_norm_backward gradient");
  const auto g = in_channels_last(gradient.to(x.scalar_type())), input = in_channels_last(x);
  const auto factor = gain.contiguous(), center = mean.contiguous(), spread = variance.contiguous();
  if (takes(x, gain, mean)) return cpu::batch_norm_backward(g, input, factor, center, spread, epsilon);
  const auto [dx, dgain, dbias] = reference::batch_norm_backward(g, input, factor, center, spread, epsilon);
  return {in_channels_last(dx), dgain, dbias};
}

Three forward_meta(const at::Tensor& x, const at::Tensor& gain, const at::Tensor&, double) {
  const auto mean = at::empty_symint({x.sym_size(1)}, gain.options());
  return {at::empty_symint(x.sym_sizes(), x.options(), channels_last), mean, at::empty_like(mean)};
}
Three backward_meta(const at::Tensor&, const at::Tensor& x, const at::Tensor& gain, const at::Tensor&,
                    const at::Tensor&, double) {
  return {at::empty_symint(x.sym_sizes(), x.options(), channels_last), at::empty_like(gain), at::empty_like(gain)};
}

struct BatchNormFunction : torch::autograd::Function<BatchNormFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gain,
                               const at::Tensor& bias, double epsilon) {
    at::AutoDispatchBelowADInplaceOrView below;
    static const auto op = dispatched<Forward>("fqgan::batch_norm");
    auto [y, mean, variance] = op.call(x, gain, bias, epsilon);
    context->save_for_backward({x, gain, mean, variance});
    context->saved_data["epsilon"] = epsilon;
    context->mark_non_differentiable({mean, variance});
    return {y, mean, variance};
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    static const auto op = dispatched<Backward>("fqgan::batch_norm_backward");
    auto [dx, dgain, dbias] =
        op.call(gradients[0], saved[0], saved[1], saved[2], saved[3], context->saved_data["epsilon"].toDouble());
    return {dx, dgain, dbias, at::Tensor()};
  }
};

Three forward_autograd(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double epsilon) {
  const auto results = BatchNormFunction::apply(x, gain, bias, epsilon);
  return {results[0], results[1], results[2]};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  add_operator(library,
               "batch_norm(Tensor x, Tensor gain, Tensor bias, float epsilon=1e-5) -> (Tensor, Tensor, Tensor)",
               forward_kernel, forward_meta, forward_autograd);
  add_closed_operator(
      library,
      "batch_norm_backward(Tensor gradient, Tensor x, Tensor gain, Tensor mean, Tensor variance, float epsilon) -> "
      "(Tensor, Tensor, Tensor)",
      backward_kernel, backward_meta);
}

Three batch_norm(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, double epsilon) {
  static const auto op = dispatched<Forward>("fqgan::batch_norm");
  return op.call(x, gain, bias, epsilon);
}

at::Tensor channel_sums(const at::Tensor& x) {
  if (kernels_take(x)) return cpu::channel_sums(in_channels_last(x));
  return at::sum(x, {0, 2, 3}, false, x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace fqgan::ops
