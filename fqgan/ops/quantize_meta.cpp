// Meta kernels of the quantization operators: shapes without data, for torch.compile and torch.export. They refuse what
// the operators refuse, as far as shapes and types tell it; extents may be symbols and stay so.
#include <ATen/ATen.h>
#include <torch/library.h>

#include "fqgan/ops/quantize.h"
#include "fqgan/ops/quantize_checks.h"

namespace fqgan::ops {
namespace {

using CodeSums = std::tuple<at::Tensor, at::Tensor>;

void check_forms(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                 const std::string& where) {
  check_features_form(features, where);
  check_codebook(codebook, features, where);
  check_codes_form(codes, features, where);
}

at::TensorOptions sum_options(const at::Tensor& x) {
  return x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

at::Tensor nearest_code_meta(const at::Tensor& features, const at::Tensor& codebook) {
  check_features_form(features, "nearest_code");
  check_codebook(codebook, features, "nearest_code");
  return code_output(features);
}

CodeSums code_statistics_meta(const at::Tensor& features, const at::Tensor& codes, int64_t count) {
  check_features_form(features, "code_statistics");
  check_count(count);
  check_codes_form(codes, features, "code_statistics");
  const auto options = sum_options(features);
  return {at::empty({count}, options), at::empty_symint({count, features.sym_size(1)}, options)};
}

at::Tensor commitment_loss_meta(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes) {
  check_forms(features, codebook, codes, "commitment_loss");
  return at::empty_symint({features.sym_size(0)}, sum_options(features));
}

at::Tensor commitment_loss_backward_meta(const at::Tensor& gradient, const at::Tensor& features,
                                         const at::Tensor& codebook, const at::Tensor& codes) {
  check_forms(features, codebook, codes, "commitment_loss_backward");
  check_extents(gradient, {features.sym_size(0)}, "commitment_loss_backward gradient");
  return at::empty_like(features);
}

at::Tensor straight_through_meta(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                                 double fraction) {
  check_forms(features, codebook, codes, "straight_through");
  check_fraction(fraction);
  return at::empty_like(features);
}

}  // namespace

TORCH_LIBRARY_IMPL(fqgan, Meta, library) {
  library.impl("nearest_code", nearest_code_meta);
  library.impl("code_statistics", code_statistics_meta);
  library.impl("commitment_loss", commitment_loss_meta);
  library.impl("commitment_loss_backward", commitment_loss_backward_meta);
  library.impl("straight_through", straight_through_meta);
}

at::Tensor code_output(const at::Tensor& features) {
  const auto options = features.options().dtype(at::kLong);
  return features.dim() == 4
             ? at::empty_symint({features.sym_size(0), features.sym_size(2), features.sym_size(3)}, options)
             : at::empty_symint({features.sym_size(0)}, options);
}

}  // namespace fqgan::ops
