// The kernels of columns.h. Rows are taken in order, column by column, and products are not contracted: the same bits
// from all instruction sets.
#pragma once

#include "fqgan/ops/kernels/columns.h"
#include "fqgan/ops/kernels/elements_body.h"

namespace fqgan::ops::kernels {
namespace {

template <class T>
void moments_of(const T* x, int64_t rows, int64_t channels, float* __restrict mean, float* __restrict squares) {
  for (int64_t c = 0; c < channels; ++c) mean[c] = squares[c] = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c) mean[c] += widen(x[r * channels + c]);
  const float per_row = 1.f / static_cast<float>(rows);
  for (int64_t c = 0; c < channels; ++c) mean[c] *= per_row;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c) {
      const float d = widen(x[r * channels + c]) - mean[c];
      squares[c] += d * d;
    }
}

template <class T>
void column_sums_of(const T* x, int64_t rows, int64_t channels, float* __restrict sum) {
  for (int64_t c = 0; c < channels; ++c) sum[c] = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c) sum[c] += widen(x[r * channels + c]);
}

template <class T>
void normalise_of(const T* __restrict x, int64_t rows, int64_t channels, const float* __restrict mean,
                  const float* __restrict scale, const float* __restrict bias, T* __restrict y) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c)
      put((widen(x[r * channels + c]) - mean[c]) * scale[c] + bias[c], y[r * channels + c]);
}

template <class T>
void gradient_sums_of(const T* __restrict x, const T* __restrict g, int64_t rows, int64_t channels,
                      const float* __restrict mean, const float* __restrict inverse_stddev, float* __restrict sum,
                      float* __restrict product) {
  for (int64_t c = 0; c < channels; ++c) sum[c] = product[c] = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c) {
      const float gradient = widen(g[r * channels + c]);
      sum[c] += gradient;
      product[c] += gradient * (widen(x[r * channels + c]) - mean[c]);
    }
  for (int64_t c = 0; c < channels; ++c) product[c] *= inverse_stddev[c];
}

template <class T>
void normalise_back_of(const T* __restrict x, const T* __restrict g, int64_t rows, int64_t channels,
                       const float* __restrict mean, const float* __restrict scale, const float* __restrict slope,
                       const float* __restrict offset, T* __restrict dx) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c)
      put(widen(g[r * channels + c]) * scale[c] + (widen(x[r * channels + c]) - mean[c]) * slope[c] + offset[c],
          dx[r * channels + c]);
}

/// Calls `function` with the map's elements from row `first` on, in their type.
template <class Function>
void typed_rows(const Map& x, int64_t first, Function function) {
  if (x.bfloat16)
    function(static_cast<const uint16_t*>(x.data) + first * x.channels);
  else
    function(static_cast<const float*>(x.data) + first * x.channels);
}

inline void moments(const Map& x, int64_t first, int64_t last, float* mean, float* squares) {
  typed_rows(x, first, [&](auto* rows) { moments_of(rows, last - first, x.channels, mean, squares); });
}
inline void column_sums(const Map& x, int64_t first, int64_t last, float* sum) {
  typed_rows(x, first, [&](auto* rows) { column_sums_of(rows, last - first, x.channels, sum); });
}
inline void normalise(const Map& x, int64_t first, int64_t last, const float* mean, const float* scale,
                      const float* bias, void* y) {
  typed_rows(x, first, [&]<class T>(const T* rows) {
    normalise_of(rows, last - first, x.channels, mean, scale, bias, static_cast<T*>(y) + first * x.channels);
  });
}
inline void gradient_sums(const Map& x, const void* gradient, int64_t first, int64_t last, const float* mean,
                          const float* inverse_stddev, float* sum, float* product) {
  typed_rows(x, first, [&]<class T>(const T* rows) {
    gradient_sums_of(rows, static_cast<const T*>(gradient) + first * x.channels, last - first, x.channels, mean,
                     inverse_stddev, sum, product);
  });
}
inline void normalise_back(const Map& x, const void* gradient, int64_t first, int64_t last, const float* mean,
                           const float* scale, const float* slope, const float* offset, void* dx) {
  typed_rows(x, first, [&]<class T>(const T* rows) {
    const int64_t begin = first * x.channels;
    normalise_back_of(rows, static_cast<const T*>(gradient) + begin, last - first, x.channels, mean, scale, slope,
                      offset, static_cast<T*>(dx) + begin);
  });
}

constexpr Columns column_kernels = {moments, column_sums, normalise, gradient_sums, normalise_back};

}  // namespace
}  // namespace fqgan::ops::kernels
