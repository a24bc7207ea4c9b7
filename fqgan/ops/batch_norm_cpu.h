// Batch normalization on this processor's kernels; x is channels_last, float32 or bfloat16. Nothing here is
// differentiable.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace fqgan::ops::cpu {

/// y, mean, variance. gain, bias: C or N x C.
std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm(const at::Tensor& x, const at::Tensor& gain,
                                                          const at::Tensor& bias, double epsilon);

/// Gradients of x, gain and bias.
std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                                   const at::Tensor& gain, const at::Tensor& mean,
                                                                   const at::Tensor& variance, double epsilon);

at::Tensor channel_sums(const at::Tensor& x);

}  // namespace fqgan::ops::cpu
