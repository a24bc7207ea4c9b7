// What all operators do with the tensors that they are given: the types that they take, and the memory order in which
// they read. An operator first puts every tensor in order, so that its result is the same, to the bit, for a view
// (a crop, a transpose, every second image, an expanded tensor) and for its copy.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace fqgan::ops {

/// UserError unless x is float16, bfloat16, float32 or float64. Also for tensors without data.
void check_type(const at::Tensor& x, const std::string& where);

/// Whether the kernels of the processor compute in x's type: float32 and bfloat16.
bool kernels_take(const at::Tensor& x);

/// x, copied where it is neither contiguous nor channels_last.
at::Tensor in_order(const at::Tensor& x);

/// x as the kernels read it: channels_last.
at::Tensor in_channels_last(const at::Tensor& x);

}  // namespace fqgan::ops
