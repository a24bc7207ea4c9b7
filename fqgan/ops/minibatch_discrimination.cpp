// Registration, Meta kernels and autograd of minibatch discrimination. As in quantize.cpp, the backward operator is
// closed to autograd.
#include "fqgan/ops/minibatch_discrimination.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "fqgan/core/shape.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/minibatch_discrimination_cpu.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Forward = at::Tensor(const at::Tensor&);
using Backward = at::Tensor(const at::Tensor&, const at::Tensor&);

bool takes(const at::Tensor& m) {
  return m.is_cpu() && (m.scalar_type() == at::kFloat || m.scalar_type() == at::kBFloat16);
}

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

/// exp(-|m_i - m_j|_1) of example i with all others, N x B, zero with itself.
at::Tensor similarity_of(const at::Tensor& m, int64_t i) {
  auto near = (m[i] - m).abs_().sum(2).neg_().exp_();
  near[i].zero_();
  return near;
}

at::Tensor forward_kernel(const at::Tensor& m) {
  check_shape(m, {any, any, any}, "minibatch_discrimination");
  if (takes(m)) return cpu::minibatch_discrimination(m.contiguous());
  const auto x = wide(m);
  auto o = at::empty({m.size(0), m.size(1)}, x.options());
  for (int64_t i = 0; i < m.size(0); ++i) o[i].copy_(similarity_of(x, i).sum(0));
  return o.to(m.scalar_type());
}

at::Tensor backward_kernel(const at::Tensor& gradient, const at::Tensor& m) {
  if (takes(m)) return cpu::minibatch_discrimination_backward(gradient, m.contiguous());
  const auto x = wide(m), g = wide(gradient);
  auto dm = at::empty_like(x, at::MemoryFormat::Contiguous);
  for (int64_t i = 0; i < m.size(0); ++i) {
    const auto weight = (g + g[i]) * similarity_of(x, i);  // each pair stands in two sums
    dm[i].copy_((at::sign(x[i] - x) * weight.unsqueeze(2)).sum(0).neg_());
  }
  return dm.to(m.scalar_type());
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
    static const auto op = dispatched<Backward>("fqgan::minibatch_discrimination_backward");
    return {op.call(gradients[0], context->get_saved_variables()[0])};
  }
};

at::Tensor forward_autograd(const at::Tensor& m) { return MinibatchFunction::apply(m); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(fqgan, library) {
  library.def("minibatch_discrimination(Tensor m) -> Tensor");
  library.def("minibatch_discrimination_backward(Tensor gradient, Tensor m) -> Tensor");
}
TORCH_LIBRARY_IMPL(fqgan, CompositeExplicitAutograd, library) {
  library.impl("minibatch_discrimination", forward_kernel);
  library.impl("minibatch_discrimination_backward", backward_kernel);
}
TORCH_LIBRARY_IMPL(fqgan, Meta, library) {
  library.impl("minibatch_discrimination", forward_meta);
  library.impl("minibatch_discrimination_backward", backward_meta);
}
TORCH_LIBRARY_IMPL(fqgan, Autograd, library) {
  library.impl("minibatch_discrimination", forward_autograd);
  library.impl("minibatch_discrimination_backward", torch::autograd::autogradNotImplementedFallback());
}

at::Tensor minibatch_discrimination(const at::Tensor& m) {
  static const auto op = dispatched<Forward>("fqgan::minibatch_discrimination");
  return op.call(m);
}

at::Tensor reference::minibatch_discrimination(const at::Tensor& m) {
  check_shape(m, {any, any, any}, "minibatch_discrimination");
  const auto distance = (m.unsqueeze(0) - m.unsqueeze(1)).abs().sum(3);  // N x N x B
  const auto others = 1 - at::eye(m.size(0), m.options());
  return (at::exp(-distance) * others.unsqueeze(2)).sum(1);
}

}  // namespace fqgan::ops
