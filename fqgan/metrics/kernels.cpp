#include "fqgan/metrics/kernels.h"

#include <ATen/TensorOperators.h>

namespace fqgan {

at::Tensor polynomial_kernel(const at::Tensor& left, const at::Tensor& right) {
  return left.mm(right.t()).div_(static_cast<double>(left.size(1))).add_(1).pow_(3);
}

at::Tensor rbf_kernel(const at::Tensor& left, const at::Tensor& right, double sigma) {
  const auto lengths = left.square().sum(1).unsqueeze(1) + right.square().sum(1);  // squared, n x m
  return left.mm(right.t()).mul_(2).sub_(lengths).div_(2 * sigma * sigma).exp_();
}

}  // namespace fqgan
