#include "fqgan/ops/convolution_geometry.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"

namespace fqgan::ops {
namespace {

std::string size_text(int64_t height, int64_t width) { return std::to_string(height) + " x " + std::to_string(width); }

void check_channels(const at::Tensor& x, const at::Tensor& weight, const Geometry& g) {
  check_shape(weight, {any, any, any, any}, "convolution weight");
  const auto in = g.transposed ? weight.size(0) : weight.size(1) * g.groups;
  check_shape(x, {any, in, any, any}, "convolution");
  if (weight.size(0) % g.groups)
    fail("convolution weight",
         "expected a multiple of " + std::to_string(g.groups) + " groups, got " + shape_text(weight.sizes()));
}

void check_reflection(const at::Tensor& x, const Padding& p) {
  const auto height = std::max(p.top, p.bottom) + 1, width = std::max(p.left, p.right) + 1;
  if (x.size(2) < height || x.size(3) < width)
    fail("convolution", "a border that reflects needs a map of at least " + size_text(height, width) + ", got " +
                            size_text(x.size(2), x.size(3)));
}

}  // namespace

MapSize convolved_size(const at::Tensor& x, const at::Tensor& weight, const Geometry& g) {
  check_channels(x, weight, g);
  const auto& p = g.padding;
  if (g.border == Border::reflect) check_reflection(x, p);
  const auto along = [&](int64_t dimension, int64_t padding, int64_t more) {
    const auto size = x.size(dimension), kernel = weight.size(dimension);
    if (g.transposed) return (size - 1) * g.stride - padding + kernel + more;
    return size + padding < kernel ? 0 : (size + padding - kernel) / g.stride + 1;
  };
  const MapSize size{along(2, p.top + p.bottom, g.output_height), along(3, p.left + p.right, g.output_width)};
  if (size.height < 1 || size.width < 1)
    fail("convolution", "a map of " + size_text(x.size(2), x.size(3)) + " is too small for a kernel of " +
                            size_text(weight.size(2), weight.size(3)) + ": nothing is left of it");
  return size;
}

}  // namespace fqgan::ops
