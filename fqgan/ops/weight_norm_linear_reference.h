// The steps of a weight-normalized layer through plain operators, for GPUs and float64. The reference implementation of
// the whole layer is declared in weight_norm_linear.h. Arguments as in weight_norm_linear_cpu.h.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace fqgan::ops::reference {

/// scale / |w|, O.
at::Tensor weight_norm_factor(const at::Tensor& weight, const at::Tensor& scale);
std::pair<at::Tensor, at::Tensor> weight_norm_finish_back(const at::Tensor& gradient, const at::Tensor& y,
                                                          const at::Tensor& factor, bool relu);
std::pair<at::Tensor, at::Tensor> weight_norm_back(const at::Tensor& raw, const at::Tensor& weight,
                                                   const at::Tensor& scale, const at::Tensor& factor);

}  // namespace fqgan::ops::reference
