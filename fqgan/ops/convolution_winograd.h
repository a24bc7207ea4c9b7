// 3x3 convolutions in float32 and bfloat16 on this processor's Winograd kernels (kernels/winograd.h). Arguments as in
// convolution.h; nothing here is differentiable. Sums have one order: the same bits for any number of threads.
#pragma once

#include <tuple>

#include "fqgan/ops/bias_activation.h"
#include "fqgan/ops/convolution.h"

namespace fqgan::ops::winograd {

/// Whether there are kernels, and they are faster than oneDNN for these shapes. `meta` counts as the CPU.
bool takes(const at::Tensor& x, const Convolution& c);

at::Tensor convolution(const at::Tensor& x, const Convolution& c);

/// The convolution of x * scale (N x Ci factors), and the end of a layer; bias, scale and noise of `end` may be
/// undefined. Without ReLU, bias and residual in c; not where it averages, if there is an end.
at::Tensor styled_convolution(const at::Tensor& x, const at::Tensor& scale, const Convolution& c,
                              const BiasActivation& end);

/// Bytes that `convolution`, or for the gradient of the weight `gradients`, holds beside its arguments and results.
int64_t workspace(const at::Tensor& x, const Convolution& c, bool for_weight_gradient);

/// As folded::gradients.
std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& gradient, const at::Tensor& x,
                                                         const Convolution& c, bool wants_x, bool wants_weight);

}  // namespace fqgan::ops::winograd
