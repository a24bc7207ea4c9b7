// Registration and autograd of the quantization operators (their Meta kernels: quantize_meta.cpp). The backward formula
// calls a dispatcher operator that is itself closed to autograd: to differentiate its result is an error, never a
// silent constant.
#include "fqgan/ops/quantize.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "fqgan/core/shape.h"
#include "fqgan/ops/dispatched.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/quantize_checks.h"
#include "fqgan/ops/quantize_cpu.h"
#include "fqgan/ops/quantize_meta.h"
#include "fqgan/ops/quantize_reference.h"
#include "fqgan/ops/registration.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using CodeSums = std::tuple<at::Tensor, at::Tensor>;

using NearestCode = at::Tensor(const at::Tensor&, const at::Tensor&);
using CodeStatistics = CodeSums(const at::Tensor&, const at::Tensor&, int64_t);
using CommitmentLoss = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&);
using CommitmentLossBackward = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&);
using StraightThrough = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, double);

// ---- below autograd ----

/// What the operators read: features in order; on the processor float16 becomes float32, which changes no value.
at::Tensor readable(const at::Tensor& features) {
  const auto x = in_order(features);
  return x.is_cpu() && x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x;
}

void check_all(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
               const std::string& where) {
  check_features(features, where);
  check_codebook(codebook, features, where);
  check_codes(codes, features, codebook.size(0), where);
}

at::Tensor nearest_code_kernel(const at::Tensor& features, const at::Tensor& codebook) {
  check_features(features, "nearest_code");
  check_codebook(codebook, features, "nearest_code");
  const auto x = readable(features);
  return kernels_take(x) ? cpu::nearest_code(x, codebook) : reference::nearest_code(x, codebook);
}

CodeSums code_statistics_kernel(const at::Tensor& features, const at::Tensor& codes, int64_t count) {
  check_features(features, "code_statistics");
  check_count(count);
  check_codes(codes, features, count, "code_statistics");
  const auto x = readable(features);
  return kernels_take(x) ? cpu::code_statistics(x, codes, count) : reference::code_statistics(x, codes, count);
}

at::Tensor commitment_loss_kernel(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  check_all(features, codebook, codes, "commitment_loss");
  const auto x = readable(features);
  return kernels_take(x) ? cpu::commitment_loss(x, codebook, codes) : reference::commitment_loss(x, codebook, codes);
}

at::Tensor commitment_loss_backward_kernel(const at::Tensor& gradient, const at::Tensor& features,
                                           const at::Tensor& codebook, const at::Tensor& codes) {
  check_all(features, codebook, codes, "commitment_loss_backward");
  check_shape(gradient, {features.size(0)}, "commitment_loss_backward gradient");
  const auto x = readable(features);
  const auto result = kernels_take(x) ? cpu::commitment_loss_backward(gradient, x, codebook, codes)
                                      : reference::commitment_loss_backward(gradient, x, codebook, codes);
  return result.to(features.scalar_type());
}

at::Tensor straight_through_kernel(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                                   double fraction) {
  check_all(features, codebook, codes, "straight_through");
  check_fraction(fraction);
  const auto x = readable(features);
  const auto result = kernels_take(x) ? cpu::straight_through(x, codebook, codes, fraction)
                                      : reference::straight_through(x, codebook, codes, fraction);
  return result.to(features.scalar_type());
}

// ---- autograd ----

at::Tensor nearest_code_autograd(const at::Tensor& features, const at::Tensor& codebook) {
  at::AutoDispatchBelowADInplaceOrView below;
  return nearest_code(features, codebook);
}

CodeSums code_statistics_autograd(const at::Tensor& features, const at::Tensor& codes, int64_t count) {
  at::AutoDispatchBelowADInplaceOrView below;
  return code_statistics(features, codes, count);
}

struct CommitmentLossFunction : torch::autograd::Function<CommitmentLossFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& features, const at::Tensor& codebook,
                            const at::Tensor& codes) {
    context->save_for_backward({features, codebook, codes});
    at::AutoDispatchBelowADInplaceOrView below;
    return commitment_loss(features, codebook, codes);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    static const auto op = dispatched<CommitmentLossBackward>("fqgan::commitment_loss_backward");
    return {op.call(gradients[0], saved[0], saved[1], saved[2]), at::Tensor(), at::Tensor()};
  }
};

struct StraightThroughFunction : torch::autograd::Function<StraightThroughFunction> {
  static at::Tensor forward(AutogradContext*, const at::Tensor& features, const at::Tensor& codebook,
                            const at::Tensor& codes, double fraction) {
    at::AutoDispatchBelowADInplaceOrView below;
    return straight_through(features, codebook, codes, fraction);
  }
  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {gradients[0], at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor commitment_loss_autograd(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  return CommitmentLossFunction::apply(features, codebook, codes);
}
at::Tensor straight_through_autograd(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                                     double fraction) {
  return StraightThroughFunction::apply(features, codebook, codes, fraction);
}

}  // namespace

TORCH_LIBRARY(fqgan, library) {
  add_operator(library, "nearest_code(Tensor features, Tensor codebook) -> Tensor", nearest_code_kernel,
               meta::nearest_code, nearest_code_autograd);
  add_operator(library, "code_statistics(Tensor features, Tensor codes, int count) -> (Tensor, Tensor)",
               code_statistics_kernel, meta::code_statistics, code_statistics_autograd);
  add_operator(library, "commitment_loss(Tensor features, Tensor codebook, Tensor codes) -> Tensor",
               commitment_loss_kernel, meta::commitment_loss, commitment_loss_autograd);
  add_closed_operator(
      library, "commitment_loss_backward(Tensor gradient, Tensor features, Tensor codebook, Tensor codes) -> Tensor",
      commitment_loss_backward_kernel, meta::commitment_loss_backward);
  add_operator(library, "straight_through(Tensor features, Tensor codebook, Tensor codes, float fraction=1.) -> Tensor",
               straight_through_kernel, meta::straight_through, straight_through_autograd);
  library.def(
      "momentum_update(Tensor codebook_sum, Tensor cluster_size, Tensor counts, Tensor sums, float decay, "
      "float epsilon, Tensor? updates=None) -> (Tensor, Tensor, Tensor)",
      momentum_update);
  library.def("kmeans(Tensor features, Tensor start, int iterations) -> (Tensor, Tensor)",
              [](const at::Tensor& features, const at::Tensor& start, int64_t iterations) {
                return kmeans(features, start, iterations);
              });
}
at::Tensor nearest_code(const at::Tensor& features, const at::Tensor& codebook) {
  static const auto op = dispatched<NearestCode>("fqgan::nearest_code");
  return op.call(features, codebook);
}

CodeSums code_statistics(const at::Tensor& features, const at::Tensor& codes, int64_t count) {
  static const auto op = dispatched<CodeStatistics>("fqgan::code_statistics");
  return op.call(features, codes, count);
}

at::Tensor commitment_loss(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  static const auto op = dispatched<CommitmentLoss>("fqgan::commitment_loss");
  return op.call(features, codebook, codes);
}

at::Tensor straight_through(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                            double fraction) {
  static const auto op = dispatched<StraightThrough>("fqgan::straight_through");
  return op.call(features, codebook, codes, fraction);
}

}  // namespace fqgan::ops
