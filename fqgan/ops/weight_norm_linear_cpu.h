// The steps around the matrix products of a weight-normalized layer, on the processor's kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace fqgan::ops::cpu {

/// -> factor O, and the weights as the products take them: themselves, or bfloat16.
std::pair<at::Tensor, at::Tensor> weight_norm_prepare(const at::Tensor& weight, const at::Tensor& scale, bool bfloat16);
/// M x O products, in place.
void weight_norm_finish(const at::Tensor& products, const at::Tensor& factor, const at::Tensor& bias, bool relu);
/// -> the gradient of the products, M x O, and of the bias.
std::pair<at::Tensor, at::Tensor> weight_norm_finish_back(const at::Tensor& gradient, const at::Tensor& y,
                                                          const at::Tensor& factor, bool relu);
/// raw: O x I, the gradient of the products times x -> the gradients of weight and scale, float32.
std::pair<at::Tensor, at::Tensor> weight_norm_back(const at::Tensor& raw, const at::Tensor& weight,
                                                   const at::Tensor& scale, const at::Tensor& factor);

}  // namespace fqgan::ops::cpu
