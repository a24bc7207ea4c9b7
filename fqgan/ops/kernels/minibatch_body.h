// Minibatch discrimination (minibatch.h) of one kernel: all pairs of examples, each once. Included by each instruction
// set's file within its anonymous namespace. Vectors of 16 as the compiler makes them on any processor, products not
// contracted: the same bits from all instruction sets.

typedef float Sixteen __attribute__((vector_size(64)));
typedef int32_t SixteenBits __attribute__((vector_size(64)));

inline Sixteen load16(const float* from) {
  Sixteen value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
inline void store16(float* to, Sixteen value) { __builtin_memcpy(to, &value, sizeof value); }
inline Sixteen absolute(Sixteen x) { return (Sixteen)((SixteenBits)x & 0x7fffffff); }
inline Sixteen kept(SixteenBits mask, Sixteen x) { return (Sixteen)(mask & (SixteenBits)x); }
inline float total(Sixteen x) {
  float sum = 0;
  for (int k = 0; k < 16; ++k) sum += x[k];
  return sum;
}

/// exp(-d) for d >= 0, to a few units in the last place; zero where it would be denormal. NaN passes.
inline Sixteen exp_minus(Sixteen d) {
  constexpr float least = -126, rounder = 12582912;  // adding it leaves whole numbers
  const Sixteen t = d * -1.442695041f;
  const Sixteen whole = (t + rounder) - rounder, f = t - whole;
  Sixteen p = f * 1.540353039e-4f + 1.333355815e-3f;
  p = p * f + 9.618129107e-3f;
  p = p * f + 5.550410866e-2f;
  p = p * f + 2.402265069e-1f;
  p = p * f + 6.931471806e-1f;
  p = p * f + 1.f;
  const Sixteen clamped = kept(t > least, whole);
  const auto power = (Sixteen)((__builtin_convertvector(clamped, SixteenBits) + 127) << 23);
  return kept(~(t <= least), p * power);
}

constexpr int64_t minibatch_rows = 4;  // examples that meet 16 others together

/// Of example `i`, the lanes among first .. first + 15 that come after it and exist.
inline SixteenBits later(int64_t i, int64_t first, int64_t count) {
  const SixteenBits lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const auto at = lane + static_cast<int32_t>(first);
  return (at > static_cast<int32_t>(i)) & (at < static_cast<int32_t>(count));
}

/// Distances of examples i .. i + 3 to j .. j + 15.
inline void distances(const float* m, int64_t stride, int64_t dims, int64_t i, int64_t j,
                      Sixteen (&d)[minibatch_rows]) {
  for (auto& distance : d) distance = Sixteen{};
  for (int64_t c = 0; c < dims; ++c) {
    const auto other = load16(m + c * stride + j);
#pragma GCC unroll 4
    for (int64_t r = 0; r < minibatch_rows; ++r) d[r] += absolute(m[c * stride + i + r] - other);
  }
}

void minibatch_closeness(const float* m, int64_t count, int64_t stride, int64_t dims, float* closeness) {
  __builtin_memset(closeness, 0, stride * sizeof(float));
  for (int64_t i = 0; i < count; i += minibatch_rows) {
    Sixteen row[minibatch_rows] = {}, d[minibatch_rows];
    for (int64_t j = i / 16 * 16; j < count; j += 16) {
      distances(m, stride, dims, i, j, d);
      Sixteen column = {};
      for (int64_t r = 0; r < minibatch_rows; ++r) {
        const auto near = kept(later(i + r, j, count), exp_minus(d[r]));
        row[r] += near;
        column += near;
      }
      store16(closeness + j, load16(closeness + j) + column);
    }
    for (int64_t r = 0; r < minibatch_rows; ++r) closeness[i + r] += total(row[r]);
  }
}

void minibatch_gradient(const float* m, const float* gradient, int64_t count, int64_t stride, int64_t dims, float* dm,
                        float* sums) {
  __builtin_memset(dm, 0, dims * stride * sizeof(float));
  for (int64_t i = 0; i < count; i += minibatch_rows) {
    Sixteen weight[minibatch_rows];
    __builtin_memset(sums, 0, dims * minibatch_rows * sizeof(Sixteen));
    for (int64_t j = i / 16 * 16; j < count; j += 16) {
      distances(m, stride, dims, i, j, weight);
      for (int64_t r = 0; r < minibatch_rows; ++r)
        weight[r] = kept(later(i + r, j, count), -(gradient[i + r] + load16(gradient + j)) * exp_minus(weight[r]));
      for (int64_t c = 0; c < dims; ++c) {
        const auto other = load16(m + c * stride + j);
        auto column = load16(dm + c * stride + j);
        auto* sum = sums + c * minibatch_rows * 16;
#pragma GCC unroll 4
        for (int64_t r = 0; r < minibatch_rows; ++r) {
          const auto difference = m[c * stride + i + r] - other;
          const auto sign = (SixteenBits)difference & static_cast<int32_t>(0x80000000);
          const auto part = kept(difference != 0.f, (Sixteen)((SixteenBits)weight[r] ^ sign));
          store16(sum + r * 16, load16(sum + r * 16) + part);
          column -= part;
        }
        store16(dm + c * stride + j, column);
      }
    }
    for (int64_t c = 0; c < dims; ++c)
      for (int64_t r = 0; r < minibatch_rows; ++r) dm[c * stride + i + r] += total(load16(sums + (c * 4 + r) * 16));
  }
}
