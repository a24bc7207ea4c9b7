#include "fqgan/ops/quantize_meta.h"

#include <ATen/ATen.h>

#include "fqgan/ops/quantize.h"
#include "fqgan/ops/quantize_checks.h"

namespace fqgan::ops {
namespace {

void check_forms(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                 const std::string& where) {
  check_features_form(features, where);
  check_codebook(codebook, features, where);
  check_codes_form(codes, features, where);
}

at::TensorOptions sum_options(const at::Tensor& x) {
  return x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace

namespace meta {

at::Tensor nearest_code(const at::Tensor& features, const at::Tensor& codebook) {
  check_features_form(features, "nearest_code");
  check_codebook(codebook, features, "nearest_code");
  return code_output(features);
}

std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& features, const at::Tensor& codes, int64_t count) {
  check_features_form(features, "code_statistics");
  check_count(count);
  check_codes_form(codes, features, "code_statistics");
  const auto options = sum_options(features);
  return {at::empty({count}, options), at::empty_symint({count, features.sym_size(1)}, options)};
}

at::Tensor commitment_loss(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  check_forms(features, codebook, codes, "commitment_loss");
  return at::empty_symint({features.sym_size(0)}, sum_options(features));
}

at::Tensor commitment_loss_backward(const at::Tensor& gradient, const at::Tensor& features, const at::Tensor& codebook,
                                    const at::Tensor& codes) {
  check_forms(features, codebook, codes, "commitment_loss_backward");
  check_extents(gradient, {features.sym_size(0)}, "commitment_loss_backward gradient");
  return at::empty_like(features, features.suggest_memory_format());
}

at::Tensor straight_through(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                            double fraction) {
  check_forms(features, codebook, codes, "straight_through");
  check_fraction(fraction);
  return at::empty_like(features, features.suggest_memory_format());
}

}  // namespace meta

at::Tensor code_output(const at::Tensor& features) {
  const auto options = features.options().dtype(at::kLong);
  return features.dim() == 4
             ? at::empty_symint({features.sym_size(0), features.sym_size(2), features.sym_size(3)}, options)
             : at::empty_symint({features.sym_size(0)}, options);
}

}  // namespace fqgan::ops
