// The plain form of the convolution: the reference of the operator, and what computes every other geometry.
#include <ATen/ATen.h>

#include <array>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/ops/convolution.h"

namespace fqgan::ops::reference {
namespace {

using MaybeTensor = std::optional<at::Tensor>;

at::Tensor upsample(const at::Tensor& x) { return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}); }

at::Tensor without_border(const at::Tensor& x, int64_t n) {
  return x.narrow(2, n, x.size(2) - 2 * n).narrow(3, n, x.size(3) - 2 * n);
}

at::Tensor bordered(const at::Tensor& x, const Geometry& g) {
  const auto& p = g.padding;
  const std::array<int64_t, 4> sides{p.left, p.right, p.top, p.bottom};
  if (p == Padding{}) return x;
  if (g.border == Border::reflect) return at::reflection_pad2d(x, sides);
  if (g.border == Border::replicate) return at::replication_pad2d(x, sides);
  return at::constant_pad_nd(x, sides, 0);
}

at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias, const Geometry& g) {
  convolved_size(x, weight, g);  // checks
  const auto& p = g.padding;
  const std::array<int64_t, 2> stride{g.stride, g.stride}, sides{p.top, p.left};
  if (g.transposed) {
    const std::array<int64_t, 2> more{g.output_height, g.output_width};
    return at::conv_transpose2d(x, weight, bias, stride, sides, more, g.groups);
  }
  const std::array<int64_t, 2> one{1, 1}, none{0, 0};
  const bool even = g.border == Border::zeros && p.left == p.right && p.top == p.bottom;
  return at::conv2d(even ? x : bordered(x, g), weight, bias, stride, even ? sides : none, one, g.groups);
}

void check_residual(const at::Tensor& residual, const at::Tensor& y) {
  const bool half = residual.dim() == 4 && 2 * residual.size(2) == y.size(2);
  check_shape(residual, {y.size(0), y.size(1), y.size(2) / (half ? 2 : 1), y.size(3) / (half ? 2 : 1)},
              "convolution residual");
}

}  // namespace

at::Tensor convolution(const at::Tensor& x, const Convolution& c) {
  const auto type = x.scalar_type();
  auto y = c.relu ? at::relu(x) : x;
  if (c.resample == Resample::up) y = upsample(y);
  auto same = Geometry{.padding = Padding::all(c.weight.size(2) / 2)};
  if (c.border && c.resample == Resample::up) same.padding = Padding::all(3);
  if (c.border && c.resample == Resample::down) y = without_border(y, 1), same.padding = {};
  y = convolved(y, c.weight.to(type), c.bias ? MaybeTensor(c.bias->to(type)) : std::nullopt, c.geometry.value_or(same));
  if (c.resample == Resample::down) {
    if (y.size(2) % 2 || y.size(3) % 2)
      fail("convolution", "averaging needs an even height and width, got " + shape_text(y.sizes()));
    y = at::avg_pool2d(y, 2);
  }
  if (!c.residual) return y;
  check_residual(*c.residual, y);
  return y + (c.residual->size(2) == y.size(2) ? *c.residual : upsample(*c.residual));
}

}  // namespace fqgan::ops::reference
