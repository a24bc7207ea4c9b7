// How a convolution lays its kernel over a map: stride, groups, what it finds beyond the border, the transposed form.
// With the size of the result and the checks that there is one.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan::ops {

/// What is beyond the border of a map: zeros, its mirror image (without the border pixel itself), or the border pixel.
enum class Border { zeros, reflect, replicate };

/// Pixels that are added on each side.
struct Padding {
  int64_t left = 0, right = 0, top = 0, bottom = 0;
  static Padding all(int64_t pixels) { return {pixels, pixels, pixels, pixels}; }
  bool operator==(const Padding&) const = default;
};

/// The weight is Co x Ci / groups x kh x kw, or Ci x Co / groups x kh x kw where transposed.
struct Geometry {
  int64_t stride = 1, groups = 1;
  Padding padding = {};  // transposed: taken away from the result instead; left = right, top = bottom
  Border border = Border::zeros;
  bool transposed = false;
  int64_t output_height = 0, output_width = 0;  // transposed: rows and columns added at the bottom and on the right
  bool operator==(const Geometry&) const = default;
};

struct MapSize {
  int64_t height, width;
};

/// The size of the convolved map. Errors: UserError where nothing would be left of it, or a reflection reaches farther
/// than the map; where channels, groups and weight do not fit.
MapSize convolved_size(const at::Tensor& x, const at::Tensor& weight, const Geometry& geometry);

}  // namespace fqgan::ops
