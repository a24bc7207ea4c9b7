// The kernels of minibatch.h for a set's vectors V: all pairs of examples, each once. Products are not contracted, and
// rows are summed in sixteen parts however wide the vectors are: the same bits from all instruction sets.
#pragma once

#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/minibatch.h"

namespace fqgan::ops::kernels {
namespace {

template <class V>
struct MinibatchKernels {
  static constexpr int64_t width = V::width, row_parts = 16 / width;  // examples of a vector
  using Examples = typename V::Floats;
  using ExampleBits = typename V::Ints;

  static Examples load_examples(const float* from) { return V::load(from); }
  static void store_examples(float* to, Examples value) { V::store(to, value); }
  static Examples absolute(Examples x) { return (Examples)((ExampleBits)x & 0x7fffffff); }
  static Examples kept(ExampleBits mask, Examples x) { return (Examples)(mask & (ExampleBits)x); }
  /// a - b, exactly so, by the multipliers, which wait while the adders are busy.
  static Examples difference(Examples a, Examples b) { return V::fma(b, V::set(-1.f), a); }
  static float total_of_16(const float* sixteen) {
    float sum = 0;
    for (int k = 0; k < 16; ++k) sum += sixteen[k];
    return sum;
  }

  /// exp(-d) for d >= 0, to a few units in the last place; zero where it would be denormal. NaN passes.
  static Examples exp_minus(Examples d) {
    constexpr float least = -126, rounder = 12582912;  // adding it leaves whole numbers
    const Examples t = d * -1.442695041f;
    const Examples whole = (t + rounder) - rounder, f = t - whole;
    Examples p = f * 1.540353039e-4f + 1.333355815e-3f;
    p = p * f + 9.618129107e-3f;
    p = p * f + 5.550410866e-2f;
    p = p * f + 2.402265069e-1f;
    p = p * f + 6.931471806e-1f;
    p = p * f + 1.f;
    const Examples clamped = kept(t > least, whole);
    const auto power = (Examples)((__builtin_convertvector(clamped, ExampleBits) + 127) << 23);
    return kept(~(t <= least), p * power);
  }

  static constexpr int64_t row_group = 4;  // examples that meet a vector of others together

  /// Of example `i`, those among first .. that come after it and exist.
  static ExampleBits later(int64_t i, int64_t first, int64_t count) {
    ExampleBits at;
    for (int k = 0; k < width; ++k) at[k] = static_cast<int32_t>(first) + k;
    return (at > static_cast<int32_t>(i)) & (at < static_cast<int32_t>(count));
  }

  /// exp(-distance) of examples i .. i + 3 to those from j, zero where they do not come later.
  static void similarity_of_pairs(const float* m, int64_t count, int64_t stride, int64_t dims, int64_t i, int64_t j,
                                  Examples (&similarity)[row_group]) {
    Examples d[row_group] = {};
    for (int64_t c = 0; c < dims; ++c) {
      const auto other = load_examples(m + c * stride + j);
#pragma GCC unroll 4
      for (int64_t r = 0; r < row_group; ++r) d[r] += absolute(difference(V::set(m[c * stride + i + r]), other));
    }
#pragma GCC unroll 4
    for (int64_t r = 0; r < row_group; ++r) similarity[r] = kept(later(i + r, j, count), exp_minus(d[r]));
  }

  static void read(const void* examples, bool bfloat16, int64_t from_stride, int64_t count, int64_t dims, float* m,
                   int64_t stride) {
    if (bfloat16)
      transpose<V>(static_cast<const uint16_t*>(examples), from_stride, count, dims, m, stride);
    else
      transpose<V>(static_cast<const float*>(examples), from_stride, count, dims, m, stride);
  }

  static void write(const float* m, int64_t stride, int64_t count, int64_t dims, void* examples, bool bfloat16,
                    int64_t to_stride) {
    if (bfloat16)
      transpose<V>(m, stride, dims, count, static_cast<uint16_t*>(examples), to_stride);
    else
      transpose<V>(m, stride, dims, count, static_cast<float*>(examples), to_stride);
  }

  static void similarity(const float* m, int64_t count, int64_t stride, int64_t dims, float* similarity) {
    __builtin_memset(similarity, 0, stride * sizeof(float));
    for (int64_t i = 0; i < count; i += row_group) {
      float sums[row_group][16] = {};
      for (int64_t j = i / 16 * 16; j < count; j += width) {
        Examples close[row_group];
        auto column = load_examples(similarity + j);
        similarity_of_pairs(m, count, stride, dims, i, j, close);
        for (int64_t r = 0; r < row_group; ++r) {
          auto* sum = sums[r] + j % 16;
          store_examples(sum, load_examples(sum) + close[r]);
          column += close[r];
        }
        store_examples(similarity + j, column);
      }
      for (int64_t r = 0; r < row_group; ++r) similarity[i + r] += total_of_16(sums[r]);
    }
  }

  /// One coordinate's gradient of examples i .. i + 3 and of those after them; weights [4][stride] of the pairs.
  static void gradient_of_rows(const float* m, const float* weights, int64_t count, int64_t stride, int64_t i,
                               float* dm) {
    Examples sums[row_group][row_parts] = {}, row[row_group];
    for (int64_t r = 0; r < row_group; ++r) row[r] = V::set(m[i + r]);
    for (int64_t first = i / 16 * 16; first < count; first += 16)
#pragma GCC unroll 4
      for (int64_t p = 0; p < row_parts; ++p) {
        const auto j = first + p * width;
        const auto other = load_examples(m + j);
        auto column = load_examples(dm + j);
#pragma GCC unroll 4
        for (int64_t r = 0; r < row_group; ++r) {
          const Examples apart = row[r] - other;
          const auto sign = (ExampleBits)apart & static_cast<int32_t>(0x80000000);
          const auto weight = (ExampleBits)load_examples(weights + r * stride + j);
          const auto part = kept(apart != 0.f, (Examples)(weight ^ sign));
          sums[r][p] += part;
          column = difference(column, part);
        }
        store_examples(dm + j, column);
      }
    for (int64_t r = 0; r < row_group; ++r) {
      float sixteen[16];
      for (int64_t p = 0; p < row_parts; ++p) store_examples(sixteen + p * width, sums[r][p]);
      dm[i + r] += total_of_16(sixteen);
    }
  }

  static void gradient(const float* m, const float* gradient, int64_t count, int64_t stride, int64_t dims, float* dm,
                       float* weights) {
    __builtin_memset(dm, 0, dims * stride * sizeof(float));
    for (int64_t first = 0; first < count; first += 16) {
      const auto end = first + 16 < count ? first + 16 : count;
      for (int64_t i = first; i < end; i += row_group)
        for (int64_t j = first; j < count; j += width) {
          Examples close[row_group];
          similarity_of_pairs(m, count, stride, dims, i, j, close);
          for (int64_t r = 0; r < row_group; ++r)
            store_examples(weights + (i - first + r) * stride + j,
                           close[r] * -(gradient[i + r] + load_examples(gradient + j)));
        }
      for (int64_t c = 0; c < dims; ++c)
        for (int64_t i = first; i < end; i += row_group)
          gradient_of_rows(m + c * stride, weights + (i - first) * stride, count, stride, i, dm + c * stride);
    }
  }
};

template <class V>
constexpr Minibatch minibatch_kernels = {MinibatchKernels<V>::read, MinibatchKernels<V>::write,
                                         MinibatchKernels<V>::similarity, MinibatchKernels<V>::gradient};

}  // namespace
}  // namespace fqgan::ops::kernels
