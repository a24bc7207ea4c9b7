#include "fqgan/inference/truncation.h"

#include <ATen/ATen.h>

#include <numbers>

namespace fqgan {

at::Tensor truncated_normal(const at::Tensor& z, const at::Tensor& truncation) {
  const auto wide = z.to(at::kDouble), limit = truncation.to(at::kDouble);
  const auto beyond = [](const at::Tensor& x) { return at::erfc(x * (1 / std::numbers::sqrt2)); };
  const auto a = beyond(wide.abs()), b = beyond(limit);
  const auto size = at::minimum(-at::special_ndtri((a + b - a * b) * 0.5).clamp_max(0), limit);
  return at::where(limit > largest_truncation, wide, wide.sign() * size);
}

}  // namespace fqgan
