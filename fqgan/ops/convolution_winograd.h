// 3x3 convolutions in float32 and bfloat16 on this processor's Winograd kernels (kernels/winograd.h). Arguments as in
// convolution.h; nothing here is differentiable. Sums have one order: the same bits for any number of threads.
#pragma once

#include <tuple>

#include "fqgan/ops/convolution.h"

namespace fqgan::ops::winograd {

/// Whether there are kernels, and they are faster than oneDNN for these shapes.
bool takes(const at::Tensor& x, const Convolution& c);

at::Tensor convolution(const at::Tensor& x, const Convolution& c);

/// As folded::gradients.
std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& gradient, const at::Tensor& x,
                                                         const Convolution& c, bool wants_x, bool wants_weight);

}  // namespace fqgan::ops::winograd
