#include "fqgan/profiling/meta_operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>
#include <torch/library.h>
#include <torch/torch.h>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

/// Every tensor of a value through `change`.
c10::IValue changed(const c10::IValue& value, const std::function<at::Tensor(const at::Tensor&)>& change) {
  if (value.isTensor()) return value.toTensor().defined() ? change(value.toTensor()) : value;
  if (!value.isTensorList()) return value;
  c10::List<at::Tensor> list;
  for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(change(tensor));
  return list;
}

at::Tensor on_cpu(const at::Tensor& tensor) {
  if (tensor.is_meta()) return at::zeros(tensor.sizes(), tensor.options().device(at::kCPU));
  FQGAN_CHECK(tensor.dim() == 0, "a tensor on the CPU among those on the device");
  return tensor;
}

/// Runs the operator on zeros of the same shapes, for the shapes of its results. One that writes into its arguments
/// gives them back, as large as its results.
void by_zeros(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const at::RecordFunctionGuard unrecorded(false);
  const auto& schema = op.schema();
  const auto count = schema.arguments().size(), returns = schema.returns().size(), first = stack->size() - count;
  const std::vector<c10::IValue> arguments(stack->begin() + static_cast<int64_t>(first), stack->end());
  const bool in_place = schema.is_mutable() && !schema.arguments().back().is_out();
  if (in_place) {
    torch::jit::drop(*stack, count);
    if (returns > 0) stack->push_back(arguments.front());
    return;
  }
  for (size_t i = first; i < stack->size(); ++i) (*stack)[i] = changed((*stack)[i], on_cpu);
  at::AutoDispatchBelowADInplaceOrView below;
  op.callBoxed(stack);
  size_t out = 0;
  for (size_t i = 0; i < count; ++i)
    if (schema.arguments()[i].is_out()) {
      auto& result = (*stack)[stack->size() - returns + out++];
      arguments[i].toTensor().resize_(result.toTensor().sizes());
      result = arguments[i];
    }
  for (size_t i = stack->size() - returns; i < stack->size(); ++i)
    (*stack)[i] = changed((*stack)[i], [](const at::Tensor& x) { return x.to(at::kMeta); });
}

/// LibTorch has it for a CPU and has nothing for `meta`. Reading a value stays an error: there is none.
bool is_missing(const c10::OperatorHandle& op) {
  using Key = c10::DispatchKey;
  if (op.operator_name().name == "aten::_local_scalar_dense") return false;
  if (op.operator_name().name.rfind("aten::", 0) != 0 || !op.hasSchema() || !op.hasKernelForDispatchKey(Key::CPU))
    return false;
  for (const auto key : {Key::Meta, Key::CompositeExplicitAutograd, Key::CompositeImplicitAutograd})
    if (op.hasKernelForDispatchKey(key)) return false;
  return true;
}

at::Tensor relu(const at::Tensor& x) { return at::empty_like(x); }

at::Tensor dot(const at::Tensor& a, const at::Tensor&) { return at::empty({}, a.options()); }

at::Tensor& abs_out(const at::Tensor& x, at::Tensor& out) {
  out.resize_(x.sizes());
  return out;
}

at::Tensor index_select(const at::Tensor& x, int64_t dimension, const at::Tensor& index) {
  auto sizes = x.sizes().vec();
  sizes.at(at::maybe_wrap_dim(dimension, x.dim())) = index.numel();
  return at::empty(sizes, x.options());
}

at::Tensor where(const at::Tensor& condition, const at::Tensor& yes, const at::Tensor& no) {
  const auto sizes = at::infer_size(condition.sizes(), at::infer_size(yes.sizes(), no.sizes()));
  return at::empty(sizes, yes.options().dtype(at::result_type(yes, no)).device(at::kMeta));
}

at::Tensor embedding_backward(const at::Tensor& gradient, const at::Tensor&, int64_t rows, int64_t, bool) {
  return at::empty({rows, gradient.size(-1)}, gradient.options());
}

void fused_adam(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, double,
                double, double, double, double, bool, bool, const std::optional<at::Tensor>&,
                const std::optional<at::Tensor>&) {}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>&,
                       at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  std::vector<int64_t> sizes{x.size(0), transposed ? weight.size(1) * groups : weight.size(0)};
  for (int64_t d = 0; d < x.dim() - 2; ++d) {
    const auto reach = dilation[d] * (weight.size(d + 2) - 1), in = x.size(d + 2);
    sizes.push_back(transposed ? (in - 1) * stride[d] - 2 * padding[d] + reach + output_padding[d] + 1
                               : (in + 2 * padding[d] - reach - 1) / stride[d] + 1);
  }
  return at::empty(sizes, x.options(), x.suggest_memory_format());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                                    const at::Tensor& weight, at::IntArrayRef,
                                                                    at::IntArrayRef, at::IntArrayRef, bool transposed,
                                                                    at::IntArrayRef, int64_t groups,
                                                                    std::array<bool, 3> wanted) {
  const auto outputs = transposed ? weight.size(1) * groups : weight.size(0);
  return {wanted[0] ? at::empty_like(x) : at::Tensor(), wanted[1] ? at::empty_like(weight) : at::Tensor(),
          wanted[2] ? gradient.new_empty({outputs}) : at::Tensor()};
}

/// Those whose maps are large or that run often: their shapes are computed. For all others LibTorch runs on zeros.
void add_shapes(torch::Library& aten) {
  aten.impl("relu", relu);
  aten.impl("dot", dot);
  aten.impl("abs.out", abs_out);
  aten.impl("index_select", index_select);
  aten.impl("where.self", where);
  aten.impl("embedding_dense_backward", embedding_backward);
  aten.impl("_fused_adam_", fused_adam);
  aten.impl("convolution_overrideable", convolution);
  aten.impl("convolution_backward_overrideable", convolution_backward);
}

}  // namespace

void add_meta_operators() {
  static const torch::Library library = [] {
    torch::Library aten(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
    add_shapes(aten);
    auto& dispatcher = c10::Dispatcher::singleton();
    for (const auto& name : dispatcher.getAllOpNames()) {
      const auto op = dispatcher.findOp(name);
      if (!op || !is_missing(*op)) continue;
      const auto overload = name.overload_name.empty() ? name.name : name.name + "." + name.overload_name;
      aten.impl(overload.c_str(), torch::CppFunction::makeFromBoxedFunction<by_zeros>());
    }
    return aten;
  }();
}

}  // namespace fqgan
