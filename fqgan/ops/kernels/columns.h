// Kernels that go down the columns of a channels_last map, for batch normalization: moments, normalization, sums.
// All other arrays have one float per channel. Rows [first, last) are taken in order.
#pragma once

#include "fqgan/ops/kernels/map.h"

namespace fqgan::ops::kernels {

struct Columns {
  /// The rows' mean, and the sum of the squared differences from it.
  void (*moments)(const Map&, int64_t first, int64_t last, float* mean, float* squares);
  void (*sums)(const Map&, int64_t first, int64_t last, float* sum);
  /// y: (x - mean) scale + bias.
  void (*normalise)(const Map&, int64_t first, int64_t last, const float* mean, const float* scale, const float* bias,
                    void* y);
  /// The sums of gradient and of gradient (x - mean) inverse_stddev.
  void (*gradient_sums)(const Map&, const void* gradient, int64_t first, int64_t last, const float* mean,
                        const float* inverse_stddev, float* sum, float* product);
  /// dx: gradient scale + (x - mean) slope + offset.
  void (*normalise_back)(const Map&, const void* gradient, int64_t first, int64_t last, const float* mean,
                         const float* scale, const float* slope, const float* offset, void* dx);
};

}  // namespace fqgan::ops::kernels
