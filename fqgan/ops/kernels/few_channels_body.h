// The kernels of few_channels.h, for a unit U (winograd_forms_body.h).
#pragma once

#include "fqgan/ops/kernels/few_channels.h"
#include "fqgan/ops/kernels/winograd_forward_body.h"

namespace fqgan::ops::kernels {
namespace {

constexpr int64_t few_pixels = 8;  // that are computed together

/// Row `row` of a map, `shift` rows further within its image, as floats between zeros for `side / 2` pixels at the left
/// and a few at the right; outside of the image all zeros.
template <class U>
void load_row(const Image& x, int64_t row, int64_t shift, int64_t side, float* to) {
  const auto* data = static_cast<const typename U::Element*>(x.data);
  const int64_t place = row % x.height + shift, length = x.width * x.channels, pad = side / 2 * x.channels;
  const int64_t tail = few_pixels * x.channels;
  __builtin_memset(to, 0, (pad + length + pad + tail) * sizeof(float));
  if (place < 0 || place >= x.height) return;
  const auto* from = data + (row + shift) * length;
  to += pad;
  const float floor = x.relu ? 0 : -__builtin_inff();
  for (int64_t i = 0; i < length; ++i) {
    const float value = U::to_float(from[i]);
    to[i] = value < floor ? floor : value;  // NaN passes
  }
}

template <class U, int few, int side>
void widen_rows(const Image& x, const float* taps, int64_t many, const Epilogue& e, int64_t first, int64_t last,
                typename U::Element* y, float* scratch) {
  const int64_t width = x.width, stride = (width + side - 1 + few_pixels) * few;
  for (int64_t row = first; row < last; ++row) {
    for (int s = 0; s < side; ++s) load_row<U>(x, row, s - side / 2, side, scratch + s * stride);
    const int64_t half_row = row / x.height * (x.height / 2) + row % x.height / 2;
    for (int64_t c = 0; c < many; c += U::lanes)
      for (int64_t p = 0; p < width; p += few_pixels) {
        typename U::Floats sum[few_pixels] = {};
        for (int s = 0; s < side; ++s)
          for (int i = 0; i < side * few; ++i) {
            const auto w = U::load_floats(taps + (s * side * few + i) * many + c);
            const float* from = scratch + s * stride + p * few + i;
#pragma GCC unroll 8
            for (int r = 0; r < few_pixels; ++r) sum[r] = U::multiply_add(U::set(from[r * few]), w, sum[r]);
          }
        for (int64_t r = 0; r < few_pixels && p + r < width; ++r)
          finish<U>(e, sum[r], c, (row * width + p + r) * many + c, (half_row * (width / 2) + (p + r) / 2) * many + c,
                    y);
      }
  }
}

template <class U, int few, int side>
void narrow_rows(const Image& x, const float* taps, const float* bias, int64_t first, int64_t last,
                 typename U::Element* y, float* scratch) {
  constexpr int pixels = few <= 2 ? 4 : 3;
  const int64_t many = x.channels, width = x.width, stride = (width + side - 1 + few_pixels) * many;
  for (int64_t row = first; row < last; ++row) {
    // A row stands in the place of its number, so that only one is new.
    for (int s = 0; s < side; ++s)
      if (row == first || s == side - 1 || row % x.height == 0)
        load_row<U>(x, row, s - side / 2, side, scratch + (row + s) % side * stride);
    for (int64_t p = 0; p < width; p += pixels) {
      typename U::Floats sum[pixels][few] = {};
      for (int s = 0; s < side; ++s)
        for (int t = 0; t < side; ++t) {
          const float* from = scratch + (row + s) % side * stride + (p + t) * many;
          const float* tap = taps + (s * side + t) * few * many;
          for (int64_t c = 0; c < many; c += U::lanes) {
            typename U::Floats w[few];
            for (int f = 0; f < few; ++f) w[f] = U::load_floats(tap + f * many + c);
#pragma GCC unroll 4
            for (int r = 0; r < pixels; ++r) {
              const auto value = U::load_floats(from + r * many + c);
              for (int f = 0; f < few; ++f) sum[r][f] = U::multiply_add(value, w[f], sum[r][f]);
            }
          }
        }
      for (int64_t r = 0; r < pixels && p + r < width; ++r)
        for (int f = 0; f < few; ++f)
          y[(row * width + p + r) * few + f] = U::from_float(U::sum(sum[r][f]) + (bias ? bias[f] : 0));
    }
  }
}

template <class U, int few, int side>
void correlate_rows(const Image& many_map, const Image& few_map, int64_t first, int64_t last, float* sums,
                    float* totals, float* scratch) {
  const int64_t many = many_map.channels, width = many_map.width, stride = (width + side - 1 + few_pixels) * few;
  const auto* data = static_cast<const typename U::Element*>(many_map.data);
  const auto floor = floor_of<U>(many_map);
  for (int64_t row = first; row < last; ++row) {
    for (int s = 0; s < side; ++s) load_row<U>(few_map, row, s - side / 2, side, scratch + s * stride);
    for (int64_t c = 0; c < many; c += U::lanes)
      for (int s = 0; s < side; ++s) {
        typename U::Floats sum[side * few], total = {};
        for (int i = 0; i < side * few; ++i) sum[i] = U::load_floats(sums + (s * side * few + i) * many + c);
        for (int64_t p = 0; p < width; ++p) {
          const auto value = U::max(floor, U::load(data + (row * width + p) * many + c));
          const float* from = scratch + s * stride + p * few;
          for (int i = 0; i < side * few; ++i) sum[i] = U::multiply_add(U::set(from[i]), value, sum[i]);
          total = U::add(total, value);
        }
        for (int i = 0; i < side * few; ++i) U::store_floats(sums + (s * side * few + i) * many + c, sum[i]);
        if (totals && s == 0) U::store_floats(totals + c, U::add(U::load_floats(totals + c), total));
      }
  }
}

/// run<few, side>() for these numbers.
template <int few = 1, class Run>
void with_few(int64_t channels, int64_t side, const Run& run) {
  if (channels == few)
    side == 1 ? run.template operator()<few, 1>() : run.template operator()<few, 3>();
  else if constexpr (few < most_few)
    with_few<few + 1>(channels, side, run);
}

template <class U>
void widen(const Image& x, int64_t side, const float* taps, int64_t many, const Epilogue& e, int64_t first,
           int64_t last, void* y, float* scratch) {
  with_few(x.channels, side, [&]<int few, int k>() {
    widen_rows<U, few, k>(x, taps, many, e, first, last, static_cast<typename U::Element*>(y), scratch);
  });
}

template <class U>
void narrow(const Image& x, int64_t side, const float* taps, int64_t channels, const float* bias, int64_t first,
            int64_t last, void* y, float* scratch) {
  with_few(channels, side, [&]<int few, int k>() {
    narrow_rows<U, few, k>(x, taps, bias, first, last, static_cast<typename U::Element*>(y), scratch);
  });
}

template <class U>
void correlate(const Image& many, const Image& few_map, int64_t side, int64_t first, int64_t last, float* sums,
               float* totals, float* scratch) {
  with_few(few_map.channels, side,
           [&]<int few, int k>() { correlate_rows<U, few, k>(many, few_map, first, last, sums, totals, scratch); });
}

template <class U>
constexpr FewChannels few_channels_kernels = {sizeof(typename U::Element), widen<U>, narrow<U>, correlate<U>};

}  // namespace
}  // namespace fqgan::ops::kernels
