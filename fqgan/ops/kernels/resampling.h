// The kernels of ops/upfirdn.h: a separable filter over a channels_last map, first along the columns of the map, into a
// line in float32, then along that line.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

/// A row (or column) that takes part in a value of the result, and its factor.
struct Contribution {
  int64_t from;
  float factor;
};

struct Resampling {
  /// line[i] = the sum over `count` parts of factor * x[from * length + i], i < length. x: float32 or bfloat16.
  void (*rows)(const void* x, bool bfloat16, const Contribution* parts, int64_t count, int64_t length, float* line);
  /// y[k][c] = the sum over parts starts[k] .. starts[k + 1] - 1 of factor * line[from][c], k < columns.
  void (*columns)(const float* line, const Contribution* parts, const int64_t* starts, int64_t columns,
                  int64_t channels, bool bfloat16, void* y);
};

}  // namespace fqgan::ops::kernels
