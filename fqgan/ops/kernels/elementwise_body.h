// The kernels of elementwise.h: Adam in one pass over the memory; noise from counters by Philox 4x32-10 (Salmon et al.
// 2011) and Box and Muller's transform. Plain loops, of which the compiler makes vectors; products are not contracted:
// the same bits from all instruction sets.
#pragma once

#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/elementwise.h"

namespace fqgan::ops::kernels {
namespace {

inline void adam_epsilon_in_root(const Adam& a, const float* __restrict gradient, float* __restrict m,
                                 float* __restrict v, float* __restrict parameter, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    m[i] += a.first * (g - m[i]);
    v[i] = a.keep * v[i] + a.second * g * g;
    parameter[i] -= a.step * m[i] / __builtin_sqrtf(v[i] * a.correction + a.epsilon);
  }
}

constexpr int64_t noise_lanes = noise_block / 4;  // counters of a block; each gives four numbers

/// Lane k: the four words of counter `block * 16 + k`.
inline void philox(uint64_t key, uint64_t block, uint32_t (&word)[4][noise_lanes]) {
  constexpr uint64_t multiplier[2] = {0xD2511F53, 0xCD9E8D57};
  constexpr uint32_t weyl[2] = {0x9E3779B9, 0xBB67AE85};
  auto first = static_cast<uint32_t>(key), second = static_cast<uint32_t>(key >> 32);
  for (int k = 0; k < noise_lanes; ++k) {
    const uint64_t counter = block * noise_lanes + static_cast<uint64_t>(k);
    word[0][k] = static_cast<uint32_t>(counter);
    word[1][k] = static_cast<uint32_t>(counter >> 32);
    word[2][k] = word[3][k] = 0;
  }
  for (int round = 0; round < 10; ++round, first += weyl[0], second += weyl[1])
    for (int k = 0; k < noise_lanes; ++k) {
      const uint64_t a = word[0][k] * multiplier[0], b = word[2][k] * multiplier[1];
      word[0][k] = static_cast<uint32_t>(b >> 32) ^ word[1][k] ^ first;
      word[2][k] = static_cast<uint32_t>(a >> 32) ^ word[3][k] ^ second;
      word[1][k] = static_cast<uint32_t>(b);
      word[3][k] = static_cast<uint32_t>(a);
    }
}

/// -2 ln(u), u = (bits + 1/2) / 2^32: by exponent and a polynomial of atanh.
inline float minus_two_log(uint32_t bits) {
  const float u = (static_cast<float>(bits >> 8) + 0.5f) * 0x1p-24f;  // 24 bits are exact in float32
  uint32_t raw;
  __builtin_memcpy(&raw, &u, sizeof raw);
  const int32_t exponent = (static_cast<int32_t>(raw) - 0x3f3504f3) >> 23;  // sqrt(1/2) is where the next one begins
  raw -= static_cast<uint32_t>(exponent) << 23;
  float m;  // in [sqrt(1/2), sqrt(2))
  __builtin_memcpy(&m, &raw, sizeof m);
  const float s = (m - 1) / (m + 1), q = s * s;
  const float log_m = s * (2 + q * (0.666666666f + q * (0.4f + q * (0.285714285f + q * 0.222222222f))));
  return -2 * (log_m + static_cast<float>(exponent) * 0.693147181f);
}

/// cos and sin of 2 pi bits / 2^32, by the nearest quarter turn and polynomials of the rest.
inline void turn(uint32_t bits, float& cosine, float& sine) {
  const uint32_t quarter = (bits + 0x20000000u) >> 30;
  const auto rest = static_cast<int32_t>(bits - (quarter << 30));        // of a turn, times 2^32, within +- 1/8 of it
  const float x = static_cast<float>(rest) * 1.46291808e-9f, q = x * x;  // 2 pi / 2^32
  const float s = x * (1 - q * (0.166666667f - q * (8.33333333e-3f - q * 1.98412698e-4f)));
  const float c = 1 - q * (0.5f - q * (4.16666667e-2f - q * (1.38888889e-3f - q * 2.48015873e-5f)));
  const bool swapped = quarter & 1;
  const float a = swapped ? s : c, b = swapped ? c : s;
  cosine = quarter == 1 || quarter == 2 ? -a : a;
  sine = quarter & 2 ? -b : b;
}

inline void normal_block(uint64_t key, uint64_t block, float (&noise)[noise_block]) {
  uint32_t word[4][noise_lanes];
  philox(key, block, word);
  for (int k = 0; k < noise_lanes; ++k) {
    const float first = __builtin_sqrtf(minus_two_log(word[0][k])), second = __builtin_sqrtf(minus_two_log(word[2][k]));
    float cosine, sine;
    turn(word[1][k], cosine, sine);
    noise[k] = first * cosine;
    noise[noise_lanes + k] = first * sine;
    turn(word[3][k], cosine, sine);
    noise[2 * noise_lanes + k] = second * cosine;
    noise[3 * noise_lanes + k] = second * sine;
  }
}

template <class T>
void add_noise_of(const T* x, int64_t first, int64_t last, uint64_t key, float stddev, T* y) {
  for (int64_t i = first; i < last; i += noise_block) {
    float noise[noise_block];
    normal_block(key, static_cast<uint64_t>(i / noise_block), noise);
    const int64_t count = last - i < noise_block ? last - i : noise_block;
    if (count == noise_block)
      for (int64_t k = 0; k < noise_block; ++k) put(widen(x[i + k]) + stddev * noise[k], y[i + k]);
    else
      for (int64_t k = 0; k < count; ++k) put(widen(x[i + k]) + stddev * noise[k], y[i + k]);
  }
}

inline void add_noise(const void* x, bool bfloat16, int64_t first, int64_t last, uint64_t key, float stddev, void* y) {
  if (bfloat16)
    add_noise_of(static_cast<const uint16_t*>(x), first, last, key, stddev, static_cast<uint16_t*>(y));
  else
    add_noise_of(static_cast<const float*>(x), first, last, key, stddev, static_cast<float*>(y));
}

constexpr Elementwise elementwise_kernels = {adam_epsilon_in_root, add_noise};

}  // namespace
}  // namespace fqgan::ops::kernels
