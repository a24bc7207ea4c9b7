// Minibatch discrimination on the processor, a kernel (of the B) at a time in each thread.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan::ops::cpu {

/// m: N x B x C, contiguous, float32 or bfloat16 -> N x B of the same type.
at::Tensor minibatch_discrimination(const at::Tensor& m);
/// gradient: N x B -> N x B x C, of m's type.
at::Tensor minibatch_discrimination_backward(const at::Tensor& gradient, const at::Tensor& m);

}  // namespace fqgan::ops::cpu
