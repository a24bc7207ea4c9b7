// Registration, Meta kernels and autograd of the quantization operators. The backward formula calls a dispatcher
// operator that is itself closed to autograd: under create_graph it is an error, never a silent constant.
#include "fqgan/ops/quantize.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "fqgan/ops/quantize_kernels.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <class Signature>
auto dispatched(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

struct CommitmentLoss : torch::autograd::Function<CommitmentLoss> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& h, const at::Tensor& codebook,
                            const at::Tensor& codes) {
    context->save_for_backward({h, codebook, codes});
    at::AutoDispatchBelowADInplaceOrView below;
    return commitment_loss(h, codebook, codes);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&);
    static const auto op = dispatched<Signature>("fqgan::commitment_loss_backward");
    return {op.call(gradients[0], saved[0], saved[1], saved[2]), at::Tensor(), at::Tensor()};
  }
};

at::Tensor commitment_loss_autograd(const at::Tensor& h, const at::Tensor& codebook, const at::Tensor& codes) {
  return CommitmentLoss::apply(h, codebook, codes);
}

at::Tensor nearest_code_meta(const at::Tensor& rows, const at::Tensor&) {
  return rows.new_empty_symint({rows.sym_size(0)}, rows.options().dtype(at::kLong));
}
std::tuple<at::Tensor, at::Tensor> code_statistics_meta(const at::Tensor& rows, const at::Tensor&, int64_t count) {
  const auto options = rows.options().dtype(rows.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  return {at::empty({count}, options), at::empty_symint({count, rows.sym_size(1)}, options)};
}
at::Tensor commitment_loss_meta(const at::Tensor& h, const at::Tensor&, const at::Tensor&) {
  return at::empty_symint({h.sym_size(0)},
                          h.options().dtype(h.scalar_type() == at::kDouble ? at::kDouble : at::kFloat));
}
at::Tensor commitment_loss_backward_meta(const at::Tensor&, const at::Tensor& h, const at::Tensor&, const at::Tensor&) {
  return at::empty_like(h);
}

}  // namespace

TORCH_LIBRARY(fqgan, library) {
  library.def("nearest_code(Tensor rows, Tensor codebook) -> Tensor");
  library.def("code_statistics(Tensor rows, Tensor codes, int count) -> (Tensor, Tensor)");
  library.def("commitment_loss(Tensor h, Tensor codebook, Tensor codes) -> Tensor");
  library.def("commitment_loss_backward(Tensor gradient, Tensor h, Tensor codebook, Tensor codes) -> Tensor");
}
// Plain kernels of ATen operators and host loops; CPU and CUDA tensors alike.
TORCH_LIBRARY_IMPL(fqgan, CompositeExplicitAutograd, library) {
  library.impl("nearest_code", kernels::nearest_code);
  library.impl("code_statistics", kernels::code_statistics);
  library.impl("commitment_loss", kernels::commitment_loss);
  library.impl("commitment_loss_backward", kernels::commitment_loss_backward);
}
TORCH_LIBRARY_IMPL(fqgan, Meta, library) {
  library.impl("nearest_code", nearest_code_meta);
  library.impl("code_statistics", code_statistics_meta);
  library.impl("commitment_loss", commitment_loss_meta);
  library.impl("commitment_loss_backward", commitment_loss_backward_meta);
}
TORCH_LIBRARY_IMPL(fqgan, Autograd, library) {
  library.impl("commitment_loss", commitment_loss_autograd);
  library.impl("commitment_loss_backward", torch::autograd::autogradNotImplementedFallback());
}

at::Tensor nearest_code(const at::Tensor& rows, const at::Tensor& codebook) {
  static const auto op = dispatched<at::Tensor(const at::Tensor&, const at::Tensor&)>("fqgan::nearest_code");
  return op.call(rows, codebook);
}

std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& rows, const at::Tensor& codes, int64_t count) {
  using Signature = std::tuple<at::Tensor, at::Tensor>(const at::Tensor&, const at::Tensor&, int64_t);
  static const auto op = dispatched<Signature>("fqgan::code_statistics");
  return op.call(rows, codes, count);
}

at::Tensor commitment_loss(const at::Tensor& h, const at::Tensor& codebook, const at::Tensor& codes) {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&);
  static const auto op = dispatched<Signature>("fqgan::commitment_loss");
  return op.call(h, codebook, codes);
}

at::Tensor commitment_loss_twin(const at::Tensor& h, const at::Tensor& codebook, const at::Tensor& codes) {
  const auto difference = map_rows(h) - at::embedding(codebook, codes);
  return difference.pow(2).reshape({h.size(0), -1}).mean(1);
}

at::Tensor map_rows(const at::Tensor& h) { return h.permute({0, 2, 3, 1}).reshape({-1, h.size(1)}); }

}  // namespace fqgan::ops
