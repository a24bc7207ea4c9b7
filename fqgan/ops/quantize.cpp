// Registration, Meta kernels and autograd of the quantization operators. The backward formula calls a
// dispatcher operator that is itself closed to autograd: under create_graph it is an error, never a silent constant.
#include "fqgan/ops/quantize.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "fqgan/core/shape.h"
#include "fqgan/ops/quantize_checks.h"
#include "fqgan/ops/quantize_cpu.h"
#include "fqgan/ops/quantize_twin.h"

namespace fqgan::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using CodeSums = std::tuple<at::Tensor, at::Tensor>;

template <class Signature>
auto dispatched(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}
using NearestCode = at::Tensor(const at::Tensor&, const at::Tensor&);
using CodeStatistics = CodeSums(const at::Tensor&, const at::Tensor&, int64_t);
using CommitmentLoss = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&);
using CommitmentLossBackward = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&);
using StraightThrough = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, double);

// ---- below autograd ----

void check_all(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
               const std::string& where) {
  check_features(features, where);
  check_codebook(codebook, features, where);
  check_codes(codes, features, codebook.size(0), where);
}

at::Tensor nearest_code_kernel(const at::Tensor& features, const at::Tensor& codebook) {
  check_features(features, "nearest_code");
  check_codebook(codebook, features, "nearest_code");
  return cpu::takes(features) ? cpu::nearest_code(features, codebook) : twin::nearest_code(features, codebook);
}

CodeSums code_statistics_kernel(const at::Tensor& features, const at::Tensor& codes, int64_t count) {
  check_features(features, "code_statistics");
  check_codes(codes, features, count, "code_statistics");
  return cpu::takes(features) ? cpu::code_statistics(features, codes, count)
                              : twin::code_statistics(features, codes, count);
}

at::Tensor commitment_loss_kernel(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  check_all(features, codebook, codes, "commitment_loss");
  return cpu::takes(features) ? cpu::commitment_loss(features, codebook, codes)
                              : twin::commitment_loss(features, codebook, codes);
}

at::Tensor commitment_loss_backward_kernel(const at::Tensor& gradient, const at::Tensor& features,
                                           const at::Tensor& codebook, const at::Tensor& codes) {
  check_all(features, codebook, codes, "commitment_loss_backward");
  check_shape(gradient, {features.size(0)}, "commitment_loss_backward gradient");
  return cpu::takes(features) ? cpu::commitment_loss_backward(gradient, features, codebook, codes)
                              : twin::commitment_loss_backward(gradient, features, codebook, codes);
}

at::Tensor straight_through_kernel(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                                   double share) {
  check_all(features, codebook, codes, "straight_through");
  return cpu::takes(features) ? cpu::straight_through(features, codebook, codes, share)
                              : twin::straight_through(features, codebook, codes, share);
}

// ---- shapes without data ----

at::Tensor code_output_meta(const at::Tensor& x) {
  const auto options = x.options().dtype(at::kLong);
  return x.dim() == 4 ? at::empty_symint({x.sym_size(0), x.sym_size(2), x.sym_size(3)}, options)
                      : at::empty_symint({x.sym_size(0)}, options);
}
at::TensorOptions sum_options(const at::Tensor& x) {
  return x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}
at::Tensor nearest_code_meta(const at::Tensor& features, const at::Tensor&) { return code_output_meta(features); }
CodeSums code_statistics_meta(const at::Tensor& features, const at::Tensor&, int64_t count) {
  const auto options = sum_options(features);
  return {at::empty({count}, options), at::empty_symint({count, features.sym_size(1)}, options)};
}
at::Tensor commitment_loss_meta(const at::Tensor& features, const at::Tensor&, const at::Tensor&) {
  return at::empty_symint({features.sym_size(0)}, sum_options(features));
}
at::Tensor commitment_loss_backward_meta(const at::Tensor&, const at::Tensor& features, const at::Tensor&,
                                         const at::Tensor&) {
  return at::empty_like(features);
}
at::Tensor straight_through_meta(const at::Tensor& features, const at::Tensor&, const at::Tensor&, double) {
  return at::empty_like(features);
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
                            const at::Tensor& codes, double share) {
    at::AutoDispatchBelowADInplaceOrView below;
    return straight_through(features, codebook, codes, share);
  }
  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {gradients[0], at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor commitment_loss_autograd(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  return CommitmentLossFunction::apply(features, codebook, codes);
}
at::Tensor straight_through_autograd(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                                     double share) {
  return StraightThroughFunction::apply(features, codebook, codes, share);
}

}  // namespace

TORCH_LIBRARY(fqgan, library) {
  library.def("nearest_code(Tensor features, Tensor codebook) -> Tensor");
  library.def("code_statistics(Tensor features, Tensor codes, int count) -> (Tensor, Tensor)");
  library.def("commitment_loss(Tensor features, Tensor codebook, Tensor codes) -> Tensor");
  library.def("commitment_loss_backward(Tensor gradient, Tensor features, Tensor codebook, Tensor codes) -> Tensor");
  library.def("straight_through(Tensor features, Tensor codebook, Tensor codes, float share=1.) -> Tensor");
  library.def(
      "momentum_update(Tensor codebook_sum, Tensor cluster_size, Tensor counts, Tensor sums, float decay, "
      "float epsilon) -> (Tensor, Tensor, Tensor)",
      momentum_update);
  library.def("kmeans(Tensor features, Tensor start, int iterations) -> (Tensor, Tensor)",
              [](const at::Tensor& features, const at::Tensor& start, int64_t iterations) {
                return kmeans(features, start, iterations);
              });
}
TORCH_LIBRARY_IMPL(fqgan, CompositeExplicitAutograd, library) {
  library.impl("nearest_code", nearest_code_kernel);
  library.impl("code_statistics", code_statistics_kernel);
  library.impl("commitment_loss", commitment_loss_kernel);
  library.impl("commitment_loss_backward", commitment_loss_backward_kernel);
  library.impl("straight_through", straight_through_kernel);
}
TORCH_LIBRARY_IMPL(fqgan, Meta, library) {
  library.impl("nearest_code", nearest_code_meta);
  library.impl("code_statistics", code_statistics_meta);
  library.impl("commitment_loss", commitment_loss_meta);
  library.impl("commitment_loss_backward", commitment_loss_backward_meta);
  library.impl("straight_through", straight_through_meta);
}
TORCH_LIBRARY_IMPL(fqgan, Autograd, library) {
  library.impl("nearest_code", nearest_code_autograd);
  library.impl("code_statistics", code_statistics_autograd);
  library.impl("commitment_loss", commitment_loss_autograd);
  library.impl("commitment_loss_backward", torch::autograd::autogradNotImplementedFallback());
  library.impl("straight_through", straight_through_autograd);
}

at::Tensor code_output(const at::Tensor& features) { return code_output_meta(features); }

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
                            double share) {
  static const auto op = dispatched<StraightThrough>("fqgan::straight_through");
  return op.call(features, codebook, codes, share);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> momentum_update(const at::Tensor& codebook_sum,
                                                               const at::Tensor& cluster_size, const at::Tensor& counts,
                                                               const at::Tensor& sums, double decay, double epsilon) {
  const auto sum = codebook_sum * decay + sums.to(codebook_sum.scalar_type()) * (1 - decay);
  const auto size = cluster_size * decay + counts.to(cluster_size.scalar_type()) * (1 - decay);
  const auto total = size.sum();
  const auto smoothed = (size + epsilon) / (total + static_cast<double>(size.size(0)) * epsilon) * total;
  return {sum / smoothed.unsqueeze(1), sum, size};
}

CodeSums kmeans(const at::Tensor& features, const at::Tensor& start, int64_t iterations,
                const std::function<void(at::Tensor&)>& sum) {
  auto centres = start;
  auto counts = at::zeros({start.size(0)}, start.options());
  for (int64_t i = 0; i < iterations; ++i) {
    auto [seen, sums] = code_statistics(features, nearest_code(features, centres), start.size(0));
    if (sum) {
      sum(seen);
      sum(sums);
    }
    const auto mean = (sums / seen.clamp_min(1).unsqueeze(1)).to(start.scalar_type());
    centres = at::where((seen > 0).unsqueeze(1), mean, centres);
    counts = seen.to(start.scalar_type());
  }
  return {centres, counts};
}

}  // namespace fqgan::ops
