// What the quantization operators ask of their arguments. Errors: UserError "[where] expected ..., got ...".
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace fqgan::ops {

/// N x D x H x W (contiguous or channels_last) or M x D, not empty; float32, bfloat16 or float64.
void check_features(const at::Tensor& features, const std::string& where);
/// K x D with the features' D, K > 0.
void check_codebook(const at::Tensor& codebook, const at::Tensor& features, const std::string& where);
/// int64 in 0 .. count - 1, N x H x W or M.
void check_codes(const at::Tensor& codes, const at::Tensor& features, int64_t count, const std::string& where);

}  // namespace fqgan::ops
