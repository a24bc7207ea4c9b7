// Screens all pairs of points: squared distances from a low-precision matrix product, with error bounds, so that only
// pairs near a threshold need their float64 distance. The product is in bfloat16 if the processor multiplies it fast,
// else in float32; the choice only changes the speed.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace fqgan {

inline constexpr int64_t screen_chunk = 64;  // columns that are screened together

/// A set of points: as given, and for the screen centred by a common centre and scaled by a common power of two.
struct ScreenedPoints {
  at::Tensor exact;                 // N x D float32 or float64, contiguous
  at::Tensor low;                   // N x D bfloat16 or float32
  std::vector<float> below, above;  // N: lower and upper bound of the squared norm, with its part of the error bound
  int64_t count() const { return exact.size(0); }
};

struct Screen {
  std::vector<ScreenedPoints> sets;
  double unit = 1;          // screened squared distance per squared distance, a power of two
  float product_error = 0;  // relative error of the matrix product's result

  /// The screened products of rows a_begin..a_end of set a with rows b_begin..b_end of set b, float32.
  at::Tensor products(int64_t a, int64_t a_begin, int64_t a_end, int64_t b, int64_t b_begin, int64_t b_end) const;

  /// Bounds of the screened squared distance of row i of set a and row j of set b.
  float lower(float below_i, float below_j, float product) const {
    return below_i + below_j - (product + product + product_error * std::fabs(product));
  }
  float upper(float above_i, float above_j, float product) const {
    return above_i + above_j - (product + product - product_error * std::fabs(product));
  }

  /// Converts a squared distance to a screened one, rounded up or down: a lower bound above ceiling(t) means a distance
  /// above t.
  float ceiling(double squared) const { return std::nextafter(static_cast<float>(squared * unit), INFINITY); }
  float floor(double squared) const { return std::nextafter(static_cast<float>(squared * unit), -INFINITY); }
};

/// bfloat16 if the processor multiplies it fast, else float32.
at::ScalarType screen_type();

/// For sets of points with the same D, all float32 or all float64. type: bfloat16 or float32.
Screen make_screen(const std::vector<at::Tensor>& sets, at::ScalarType type);

/// |x - y|^2 in float64, the same for (x, y) and (y, x).
double squared_distance(const ScreenedPoints& a, int64_t i, const ScreenedPoints& b, int64_t j);

/// A row of a tile of products.
struct ScreenedRow {
  const float* products;  // of the row with `screen_chunk` or fewer columns
  const float* below;     // of the columns
  const float* limits;    // of the columns
  float own_below, own_limit;
};

/// Whether any of the row's first `screen_chunk` columns has a lower bound of at most max(own limit, its limit).
bool any_within(const ScreenedRow& row, float product_error);

/// Calls visit(column) for each of `columns` whose lower bound is at most max(own limit, its limit).
template <class Visit>
void visit_within(const Screen& screen, const ScreenedRow& row, int64_t columns, const Visit& visit) {
  for (int64_t begin = 0; begin < columns; begin += screen_chunk) {
    const ScreenedRow chunk{row.products + begin, row.below + begin, row.limits + begin, row.own_below, row.own_limit};
    if (columns - begin >= screen_chunk && !any_within(chunk, screen.product_error)) continue;
    for (int64_t j = begin; j < std::min(columns, begin + screen_chunk); ++j)
      if (screen.lower(row.own_below, row.below[j], row.products[j]) <= std::max(row.own_limit, row.limits[j]))
        visit(j);
  }
}

}  // namespace fqgan
