// The kernels of resampling.h: plain loops, of which the compiler makes vectors. Sums have one order for all
// instruction sets.
#pragma once

#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/resampling.h"

namespace fqgan::ops::kernels {
namespace {

constexpr int64_t resampling_run = 64;  // values that are summed together

/// y[i] = the sum of factor * x[from * length + i].
template <class From, class To>
inline void sum_parts(const From* __restrict x, const Contribution* parts, int64_t count, int64_t length,
                      To* __restrict y) {
  int64_t i = 0;
  for (; i + resampling_run <= length; i += resampling_run) {
    float sum[resampling_run] = {};
    for (int64_t p = 0; p < count; ++p) {
      const From* row = x + parts[p].from * length + i;
      const float factor = parts[p].factor;
      for (int64_t k = 0; k < resampling_run; ++k) sum[k] += factor * widen(row[k]);
    }
    for (int64_t k = 0; k < resampling_run; ++k) put(sum[k], y[i + k]);
  }
  for (; i < length; ++i) {
    float sum = 0;
    for (int64_t p = 0; p < count; ++p) sum += parts[p].factor * widen(x[parts[p].from * length + i]);
    put(sum, y[i]);
  }
}

inline void resample_rows(const void* x, bool bfloat16, const Contribution* parts, int64_t count, int64_t length,
                          float* line) {
  if (bfloat16)
    sum_parts(static_cast<const uint16_t*>(x), parts, count, length, line);
  else
    sum_parts(static_cast<const float*>(x), parts, count, length, line);
}

template <class To>
inline void resample_columns_to(const float* line, const Contribution* parts, const int64_t* starts, int64_t columns,
                                int64_t channels, To* y) {
  for (int64_t k = 0; k < columns; ++k)
    sum_parts(line, parts + starts[k], starts[k + 1] - starts[k], channels, y + k * channels);
}

inline void resample_columns(const float* line, const Contribution* parts, const int64_t* starts, int64_t columns,
                             int64_t channels, bool bfloat16, void* y) {
  if (bfloat16)
    resample_columns_to(line, parts, starts, columns, channels, static_cast<uint16_t*>(y));
  else
    resample_columns_to(line, parts, starts, columns, channels, static_cast<float*>(y));
}

constexpr Resampling resampling_kernels = {resample_rows, resample_columns};

}  // namespace
}  // namespace fqgan::ops::kernels
