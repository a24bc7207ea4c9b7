// What the quantization operators ask of their arguments. Errors: UserError "[where] expected ..., got ...".
// Those that look at shapes only also take tensors without data, whose extents may be symbols (torch.compile).
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/SymInt.h>

#include <string>
#include <vector>

namespace fqgan::ops {

/// N x D x H x W or M x D; a type of inputs.h. Shapes only.
void check_features_form(const at::Tensor& features, const std::string& where);
/// That, and: not empty.
void check_features(const at::Tensor& features, const std::string& where);
/// K x D with the features' D, K > 0; float64 if, and only if, the features are. Shapes only.
void check_codebook(const at::Tensor& codebook, const at::Tensor& features, const std::string& where);
/// int64, N x H x W or M. Shapes only.
void check_codes_form(const at::Tensor& codes, const at::Tensor& features, const std::string& where);
/// That, and: in 0 .. count - 1.
void check_codes(const at::Tensor& codes, const at::Tensor& features, int64_t count, const std::string& where);
/// As check_shape. Shapes only.
void check_extents(const at::Tensor& x, const std::vector<c10::SymInt>& expected, const std::string& where);

/// code_statistics: at least one code.
void check_count(int64_t count);
/// straight_through: 0 to 1.
void check_fraction(double fraction);
/// momentum_update's arguments. Shapes only.
void check_momentum(const at::Tensor& codebook_sum, const at::Tensor& cluster_size, const at::Tensor& counts,
                    const at::Tensor& sums, double decay, double epsilon);

}  // namespace fqgan::ops
