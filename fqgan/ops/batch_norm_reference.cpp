// Batch normalization through plain operators: the reference implementation, which also runs on a GPU and in float64.
#include <ATen/ATen.h>

#include <vector>

#include "fqgan/ops/batch_norm.h"

namespace fqgan::ops::reference {
namespace {

/// C or N x C -> 1 or N x C x 1 x 1
at::Tensor spread(const at::Tensor& values) {
  return (values.dim() == 1 ? values.unsqueeze(0) : values).unsqueeze(2).unsqueeze(3);
}

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm(const at::Tensor& x, const at::Tensor& gain,
                                                          const at::Tensor& bias, double epsilon) {
  const auto wide = x.to(gain.scalar_type());
  const auto normalized = at::batch_norm(wide, {}, {}, {}, {}, /*training=*/true, 0, epsilon, /*cudnn_enabled=*/false);
  const auto y = at::addcmul(spread(bias), normalized, spread(gain));
  const auto [variance, mean] = at::var_mean(wide.detach(), at::IntArrayRef{0, 2, 3}, /*unbiased=*/false);
  return {y.to(x.scalar_type()), mean, variance};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                                   const at::Tensor& gain, const at::Tensor& mean,
                                                                   const at::Tensor& variance, double epsilon) {
  const auto g = gradient.to(gain.scalar_type()), inverse_stddev = spread(at::rsqrt(variance + epsilon));
  const auto normalized = (x.to(gain.scalar_type()) - spread(mean)) * inverse_stddev, scaled = g * spread(gain);
  const std::vector<int64_t> rows{0, 2, 3}, positions = gain.dim() == 1 ? rows : std::vector<int64_t>{2, 3};
  const auto dx =
      inverse_stddev * (scaled - scaled.mean(rows, true) - normalized * (scaled * normalized).mean(rows, true));
  return {dx.to(x.scalar_type()), (g * normalized).sum(positions), g.sum(positions)};
}

}  // namespace fqgan::ops::reference
