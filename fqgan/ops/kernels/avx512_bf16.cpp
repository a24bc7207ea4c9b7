// AVX-512 with products of bfloat16: the search in bfloat16 with float32 sums, in tiles of 6 rows and 64 codes.
#include "fqgan/ops/kernels/avx512_vector.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/screening_body.h"
#include "fqgan/ops/kernels/tables.h"

namespace fqgan::ops::kernels {
namespace {

/// The product in bfloat16 with float32 sums.
struct BFloat16Product {
  using Element = uint16_t;
  static constexpr int64_t step = 2, block = 64;
  template <int R, int64_t vectors>
  static void accumulate(const uint16_t* const (&row)[R], int64_t d, const uint16_t* packed,
                         Vector::Floats (&sum)[R][vectors]) {
    __m512bh e[vectors];
    for (int64_t v = 0; v < vectors; ++v) e[v] = (__m512bh)_mm512_loadu_si512(packed + v * 32);
    for (int r = 0; r < R; ++r) {
      int32_t pair;
      __builtin_memcpy(&pair, row[r] + d, sizeof pair);
      const auto x = (__m512bh)_mm512_set1_epi32(pair);
      for (int64_t v = 0; v < vectors; ++v) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], x, e[v]);
    }
  }
};

double burn_bfloat16(int64_t rounds) {
  constexpr int64_t chains = 12;
  __m512 sum[chains];
  for (auto& s : sum) s = _mm512_setzero_ps();
  const auto factor = (__m512bh)_mm512_set1_epi16(0x3f80);
  for (int64_t r = 0; r < rounds; ++r)
    for (auto& s : sum) s = _mm512_dpbf16_ps(s, factor, factor);
  float sink[Vector::width];
  for (const auto& s : sum) {
    Vector::store(sink, s);
    asm volatile("" : : "r"(sink) : "memory");
  }
  return static_cast<double>(rounds * chains * Vector::width * 4);
}

}  // namespace

namespace avx512_bf16 {

constinit const Screening screening = {screen_with<Vector, 6, BFloat16Product>, BFloat16Product::block, true,
                                       &avx512::screening};
constinit const Peak peak = {burn_float32<Vector>, burn_bfloat16};

}  // namespace avx512_bf16
}  // namespace fqgan::ops::kernels
