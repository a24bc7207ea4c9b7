// Shape checks at public functions.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

inline constexpr int64_t any = -1;

/// "[2, 3, 32, 32]"
std::string shape_text(at::IntArrayRef shape);

/// "float32", "bfloat16", "float16": as PyTorch says it.
std::string type_text(const at::Tensor& x);

/// UserError "[where] expected shape [any, 3, any, any], got [2, 1, 32, 32]" unless every extent matches.
void check_shape(const at::Tensor& x, const std::vector<int64_t>& expected, const std::string& where);

}  // namespace fqgan
