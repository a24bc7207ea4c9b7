// The reference twin of the convolution.
#include <ATen/ATen.h>

#include "fqgan/ops/convolution.h"

namespace fqgan::ops::twin {
namespace {

at::Tensor upsample(const at::Tensor& x) { return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}); }

}  // namespace

at::Tensor convolution(const at::Tensor& x, const Convolution& c) {
  const auto type = x.scalar_type();
  auto y = c.relu ? at::relu(x) : x;
  if (c.resample == Resample::up) y = upsample(y);
  y = at::conv2d(y, c.weight.to(type), c.bias ? std::optional(c.bias->to(type)) : std::nullopt, 1,
                 c.weight.size(2) / 2);
  if (c.resample == Resample::down) y = at::avg_pool2d(y, 2);
  if (!c.residual) return y;
  return y + (c.residual->size(2) == y.size(2) ? *c.residual : upsample(*c.residual));
}

}  // namespace fqgan::ops::twin
