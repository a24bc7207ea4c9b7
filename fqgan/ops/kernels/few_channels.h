// Convolutions between maps of few channels (1 to 4: images) and maps of many, 1x1 and 3x3, stride 1, "same" padding.
// Maps are N x H x W x C, float32 or bfloat16; weights and sums float32. Work is cut into rows of pixels: row r is row
// r % H of image r / H.
#pragma once

#include <stdint.h>

#include "fqgan/ops/kernels/winograd.h"

namespace fqgan::ops::kernels {

constexpr int64_t most_few = 4;

/// The kernels of one type and instruction set. side: 1 or 3; taps [side][side][few][many].
struct FewChannels {
  int64_t element;  // bytes of a map's element
  /// Few to many: rows first .. last - 1 of y. x.relu is not looked at.
  void (*widen)(const Image& x, int64_t side, const float* taps, int64_t many, const Epilogue& epilogue, int64_t first,
                int64_t last, void* y, float* scratch);
  /// Many to few; bias [few] or null.
  void (*narrow)(const Image& x, int64_t side, const float* taps, int64_t few, const float* bias, int64_t first,
                 int64_t last, void* y, float* scratch);
  /// Adds to sums [side][side][few][many] over pixels p: few map at p shifted by the tap, times many at p; and to
  /// totals [many], if not null, many at p.
  void (*correlate)(const Image& many, const Image& few, int64_t side, int64_t first, int64_t last, float* sums,
                    float* totals, float* scratch);
};

/// Bytes of scratch of each.
static constexpr int64_t few_channels_scratch(int64_t width, int64_t channels) {
  return 4 * 4 * (width + 8) * (channels + 4);
}

}  // namespace fqgan::ops::kernels
