// Feature maps as the kernels see them: N images, P positions per image, D channels, M = N*P rows (image by image).
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

/// Float32 or bfloat16, x[n][p][d] (M x D, or channels_last) or x[n][d][p].
struct Map {
  const void* data;
  bool bfloat16, channels_first;
  int64_t images, positions, channels, rows;
};

}  // namespace fqgan::ops::kernels
