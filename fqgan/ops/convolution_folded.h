// Convolutions through LibTorch's own, resampling folded into their weight (exact): 3x3 + average pool is one 4x4
// convolution of stride 2, nearest upsample + 3x3 one 4x4 transposed convolution of stride 2; a 1x1 runs on the smaller
// map. Arguments as in convolution.h; nothing here is differentiable.
#pragma once

#include <tuple>

#include "fqgan/ops/convolution.h"

namespace fqgan::ops::folded {

at::Tensor convolution(const at::Tensor& x, const Convolution& c);

/// Gradients of x (undefined unless `wants_x`), weight and bias (undefined unless `wants_weight`).
std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& gradient, const at::Tensor& x,
                                                         const Convolution& c, bool wants_x, bool wants_weight);

}  // namespace fqgan::ops::folded
