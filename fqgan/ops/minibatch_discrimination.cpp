// Registration, Meta kernels and autograd of minibatch discrimination. As in quantize.cpp, the backward operator is
// closed to autograd; under create_graph the reference implementation takes its place.
#include "fqgan/ops/minibatch_discrimination.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "fqgan/core/shape.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/minibatch_discrimination_cpu.h"
#include "fqgan/ops/registration.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Forward = at::Tensor(const at::Tensor&);
using Backward = at::Tensor(const at::Tensor&, const at::Tensor&);

at::Tensor forward_kernel(const at::Tensor& m) {
  check_shape(m, {any, any, any}, "minibatch_discrimination");
  check_type(m, "minibatch_discrimination");
  const auto x = m.contiguous();
  return kernels_take(x) ? cpu::minibatch_discrimination(x) : reference::minibatch_discrimination(x);
}

at::Tensor backward_kernel(const at::Tensor& gradient, const at::Tensor& m) {
  check_shape(gradient, {m.size(0), m.size(1)}, "minibatch_discrimination_backward gradient");
  const auto g = gradient.contiguous(), x = m.contiguous();
  return kernels_take(x) ? cpu::minibatch_discrimination_backward(g, x)
                         : reference::minibatch_discrimination_backward(g, x);
}

at::Tensor forward_meta(const at::Tensor& m) { return at::empty_symint({m.sym_size(0), m.sym_size(1)}, m.options()); }
at::Tensor backward_meta(const at::Tensor&, const at::Tensor& m) {
  return at::empty_symint(m.sym_sizes(), m.options());
}

struct MinibatchFunction : torch::autograd::Function<MinibatchFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& m) {
    context->save_for_backward({m});
    at::AutoDispatchBelowADInplaceOrView below;
    static const auto op = dispatched<Forward>("fqgan::minibatch_discrimination");
    return op.call(m);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto m = context->get_saved_variables()[0];
    // A gradient that will be differentiated itself (R1, a gradient penalty) is made of plain operators.
    if (at::GradMode::is_enabled()) return {reference::minibatch_discrimination_backward(gradients[0], m)};
    static const auto op = dispatched<Backward>("fqgan::minibatch_discrimination_backward");
    return {op.call(gradients[0], m)};
  }
};

at::Tensor forward_autograd(const at::Tensor& m) { return MinibatchFunction::apply(m); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  add_operator(library, "minibatch_discrimination(Tensor m) -> Tensor", forward_kernel, forward_meta, forward_autograd);
  add_closed_operator(library, "minibatch_discrimination_backward(Tensor gradient, Tensor m) -> Tensor",
                      backward_kernel, backward_meta);
}

at::Tensor minibatch_discrimination(const at::Tensor& m) {
  static const auto op = dispatched<Forward>("fqgan::minibatch_discrimination");
  return op.call(m);
}

}  // namespace fqgan::ops
