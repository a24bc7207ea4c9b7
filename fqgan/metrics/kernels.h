// Kernels of the maximum mean discrepancy (Gretton et al. 2012), in float64.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

/// left: n x D, right: m x D float64 -> n x m: (x.y / D + 1)^3, the kernel of Binkowski et al. 2018.
at::Tensor polynomial_kernel(const at::Tensor& left, const at::Tensor& right);
/// exp(-|x - y|^2 / (2 sigma^2))
at::Tensor rbf_kernel(const at::Tensor& left, const at::Tensor& right, double sigma);

}  // namespace fqgan
