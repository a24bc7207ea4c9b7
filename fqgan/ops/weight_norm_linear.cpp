// Registration, Meta kernels and autograd of the weight-normalized linear layer. As in quantize.cpp, the backward
// operator is closed to autograd.
#include "fqgan/ops/weight_norm_linear.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "fqgan/core/shape.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/registration.h"
#include "fqgan/ops/weight_norm_linear_cpu.h"
#include "fqgan/ops/weight_norm_linear_reference.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Tensor = at::Tensor;
using Three = std::tuple<Tensor, Tensor, Tensor>;
using Four = std::tuple<Tensor, Tensor, Tensor, Tensor>;
using Forward = Three(const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool);
using Backward = Four(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                      const Tensor&, bool, bool, bool);

bool takes(const Tensor& x, const Tensor& weight, const Tensor& scale, const Tensor& bias) {
  const auto single = [](const Tensor& t) { return t.scalar_type() == at::kFloat; };
  return kernels_take(x) && single(weight) && single(scale) && single(bias);
}

void check(const Tensor& x, const Tensor& weight, const Tensor& scale, const Tensor& bias) {
  check_type(x, "weight_norm_linear");
  check_shape(weight, {any, any}, "weight_norm_linear weight");
  check_shape(x, {any, weight.size(1)}, "weight_norm_linear");
  check_shape(scale, {weight.size(0)}, "weight_norm_linear scale");
  check_shape(bias, {weight.size(0)}, "weight_norm_linear bias");
}

/// -> y; scale / |w|; the weights in x's type, or nothing where they are in it (a result may not be an argument).
Three forward_kernel(const Tensor& x, const Tensor& weight, const Tensor& scale, const Tensor& bias, bool relu) {
  check(x, weight, scale, bias);
  const auto input = x.contiguous(), w = weight.contiguous(), s = scale.contiguous(), b = bias.contiguous();
  const bool same_type = x.scalar_type() == weight.scalar_type();
  const auto none = at::empty({0}, x.options());
  if (!takes(x, weight, scale, bias))
    return {reference::weight_norm_linear(input, w, s, b, relu), reference::weight_norm_factor(w, s),
            same_type ? none : w.to(x.scalar_type())};
  const auto [factor, packed] = cpu::weight_norm_prepare(w, s, !same_type);
  const auto y = at::mm(input, packed.t());
  cpu::weight_norm_finish(y, factor, b, relu);
  return {y, factor, same_type ? none : packed};
}

/// The gradients of x, or of weight, scale and bias, or all; what is not wanted is empty.
Four backward_kernel(const Tensor& gradient, const Tensor& x, const Tensor& y, const Tensor& weight,
                     const Tensor& scale, const Tensor& factor, const Tensor& packed, bool relu, bool of_x,
                     bool of_weights) {
  check_shape(gradient, {x.size(0), weight.size(0)}, "weight_norm_linear_backward gradient");
  const auto g = gradient.to(x.scalar_type()).contiguous(), input = x.contiguous(), result = y.contiguous();
  const auto w = weight.contiguous(), s = scale.contiguous(), f = factor.contiguous();
  const auto multiplied = packed.numel() > 0 ? packed.contiguous() : w;
  const bool ours = takes(x, weight, scale, factor);
  const auto [products, dbias] =
      ours ? cpu::weight_norm_finish_back(g, result, f, relu) : reference::weight_norm_finish_back(g, result, f, relu);
  const auto nothing = at::empty({0}, weight.options());
  const auto dx = of_x ? at::mm(products, multiplied) : at::empty({0}, x.options());
  if (!of_weights) return {dx, nothing, nothing.clone(), nothing.clone()};
  const auto raw = at::mm(products.t(), input);
  const auto [dweight, dscale] = ours ? cpu::weight_norm_back(raw, w, s, f) : reference::weight_norm_back(raw, w, s, f);
  return {dx, dweight, dscale, dbias};
}

Three forward_meta(const Tensor& x, const Tensor& weight, const Tensor& scale, const Tensor&, bool) {
  const bool same_type = x.scalar_type() == weight.scalar_type();
  return {at::empty_symint({x.sym_size(0), weight.sym_size(0)}, x.options()), at::empty_like(scale),
          same_type ? at::empty({0}, x.options()) : at::empty_symint(weight.sym_sizes(), x.options())};
}

Four backward_meta(const Tensor&, const Tensor& x, const Tensor&, const Tensor& weight, const Tensor& scale,
                   const Tensor&, const Tensor&, bool, bool of_x, bool of_weights) {
  const auto or_nothing = [](bool wanted, const Tensor& like) {
    return wanted ? at::empty_symint(like.sym_sizes(), like.options()) : at::empty({0}, like.options());
  };
  return {or_nothing(of_x, x), or_nothing(of_weights, weight), or_nothing(of_weights, scale),
          or_nothing(of_weights, scale)};
}

struct WeightNormLinearFunction : torch::autograd::Function<WeightNormLinearFunction> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& scale,
                               const Tensor& bias, bool relu) {
    at::AutoDispatchBelowADInplaceOrView below;
    static const auto op = dispatched<Forward>("fqgan::weight_norm_linear");
    auto [y, factor, packed] = op.call(x, weight, scale, bias, relu);
    context->save_for_backward({x, y, weight, scale, factor, packed});
    context->saved_data["relu"] = relu;
    context->mark_non_differentiable({factor, packed});
    return {y, factor, packed};
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto wanted = [&](size_t input) { return context->needs_input_grad(input); };
    const bool of_weights = wanted(1) || wanted(2) || wanted(3);
    static const auto op = dispatched<Backward>("fqgan::weight_norm_linear_backward");
    auto [dx, dweight, dscale, dbias] = op.call(gradients[0], saved[0], saved[1], saved[2], saved[3], saved[4],
                                                saved[5], context->saved_data["relu"].toBool(), wanted(0), of_weights);
    const auto if_wanted = [&](size_t input, const Tensor& value) { return wanted(input) ? value : Tensor(); };
    return {if_wanted(0, dx), if_wanted(1, dweight), if_wanted(2, dscale), if_wanted(3, dbias), Tensor()};
  }
};

Three forward_autograd(const Tensor& x, const Tensor& weight, const Tensor& scale, const Tensor& bias, bool relu) {
  const auto results = WeightNormLinearFunction::apply(x, weight, scale, bias, relu);
  return {results[0], results[1], results[2]};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  add_operator(library,
               "weight_norm_linear(Tensor x, Tensor weight, Tensor scale, Tensor bias, bool relu=False) -> "
               "(Tensor, Tensor, Tensor)",
               forward_kernel, forward_meta, forward_autograd);
  add_closed_operator(
      library,
      "weight_norm_linear_backward(Tensor gradient, Tensor x, Tensor y, Tensor weight, Tensor scale, Tensor factor, "
      "Tensor packed, bool relu, bool of_x, bool of_weights) -> (Tensor, Tensor, Tensor, Tensor)",
      backward_kernel, backward_meta);
}

Tensor weight_norm_linear(const Tensor& x, const Tensor& weight, const Tensor& scale, const Tensor& bias, bool relu) {
  static const auto op = dispatched<Forward>("fqgan::weight_norm_linear");
  return std::get<0>(op.call(x, weight, scale, bias, relu));
}

}  // namespace fqgan::ops
