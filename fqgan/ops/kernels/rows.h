// Kernels that go over the rows of a feature map: loading them for the search, and loss, gradient and statistics of
// feature quantization. Every sum has one order, so that all instruction sets give the same bits.
#pragma once

#include "fqgan/ops/kernels/map.h"

namespace fqgan::ops::kernels {

constexpr int64_t position_run = 16;  // rows that are taken together; `scratch` below holds position_run x D floats

struct Rows {
  /// Rows first .. first + count - 1, `stride` apart, zeros after D: as bfloat16 (to nearest even), with
  /// |row - rounded row|, or as float32.
  void (*load_bfloat16)(const Map&, int64_t first, int64_t count, uint16_t* rows, int64_t stride, float* residual,
                        float* scratch);
  void (*load_float32)(const Map&, int64_t first, int64_t count, float* rows, int64_t stride);
  /// The rows' lengths, rounded up.
  void (*norms)(const void* rows, bool bfloat16, int64_t count, int64_t stride, int64_t channels, float* norm);
  /// The best of `count` codes by their scores in double; the lowest code on a tie. half: |e|^2 / 2 of all codes.
  int32_t (*exact_best)(const float* row, const float* codebook, const double* half, int64_t channels,
                        const int32_t* codes, int64_t count);

  /// Images [first, last): the mean over an image's elements of (x - e)^2.
  void (*loss)(const Map&, const float* codebook, const int64_t* codes, int64_t first, int64_t last, float* loss,
               float* scratch);
  /// out, in the map's type and layout: scale[image] (x - e).
  void (*gradient)(const Map&, const float* codebook, const int64_t* codes, const float* scale, int64_t first,
                   int64_t last, void* out, float* scratch);
  /// out, in the map's type and layout: x + fraction (e - x); e itself for fraction = 1.
  void (*blend)(const Map&, const float* codebook, const int64_t* codes, float fraction, int64_t first, int64_t last,
                void* out, float* scratch);
  /// sums (K x D): each code's rows in their order, channels [first, last) of them.
  void (*sums)(const Map&, const int64_t* codes, int64_t first, int64_t last, float* sums, float* scratch);
};

}  // namespace fqgan::ops::kernels
