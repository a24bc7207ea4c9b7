// The kernels of resampling.h for a set's vectors V. Sums have one order for all instruction sets.
#pragma once

#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/resampling.h"

namespace fqgan::ops::kernels {
namespace {

/// y[i] = the sum of factor * x[from * length + i], from i on in steps of `vectors` vectors; returns the first that is
/// left over.
template <class V, int vectors, class From, class To>
inline int64_t sum_parts(const From* x, const Contribution* parts, int64_t count, int64_t length, int64_t i, To* y) {
  for (; i + vectors * V::width <= length; i += vectors * V::width) {
    typename V::Floats sum[vectors] = {};
    for (int64_t p = 0; p < count; ++p) {
      const From* row = x + parts[p].from * length + i;
      const auto factor = V::set(parts[p].factor);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[v] = sum[v] + factor * load_wide<V>(row + v * V::width);
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) store_narrow<V>(y + i + v * V::width, sum[v]);
  }
  return i;
}

template <class V, class From, class To>
inline void sum_all_parts(const From* x, const Contribution* parts, int64_t count, int64_t length, To* y) {
  auto i = sum_parts<V, 4>(x, parts, count, length, 0, y);
  i = sum_parts<V, 1>(x, parts, count, length, i, y);
  sum_parts<One, 1>(x, parts, count, length, i, y);
}

template <class V>
void resample_rows(const void* x, bool bfloat16, const Contribution* parts, int64_t count, int64_t length,
                   float* line) {
  if (bfloat16)
    sum_all_parts<V>(static_cast<const uint16_t*>(x), parts, count, length, line);
  else
    sum_all_parts<V>(static_cast<const float*>(x), parts, count, length, line);
}

template <class V, class To>
inline void resample_columns_to(const float* line, const Contribution* parts, const int64_t* starts, int64_t columns,
                                int64_t channels, To* y) {
  for (int64_t k = 0; k < columns; ++k)
    sum_all_parts<V>(line, parts + starts[k], starts[k + 1] - starts[k], channels, y + k * channels);
}

template <class V>
void resample_columns(const float* line, const Contribution* parts, const int64_t* starts, int64_t columns,
                      int64_t channels, bool bfloat16, void* y) {
  if (bfloat16)
    resample_columns_to<V>(line, parts, starts, columns, channels, static_cast<uint16_t*>(y));
  else
    resample_columns_to<V>(line, parts, starts, columns, channels, static_cast<float*>(y));
}

template <class V>
constexpr Resampling resampling_kernels = {resample_rows<V>, resample_columns<V>};

}  // namespace
}  // namespace fqgan::ops::kernels
