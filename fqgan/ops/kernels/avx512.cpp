// AVX-512 with BF16: screening in bfloat16 with float32 sums, and in float32, in tiles of 6 rows and 64 codes.
#include <immintrin.h>

#include "fqgan/ops/kernels/few_channels.h"
#include "fqgan/ops/kernels/kernels.h"
#include "fqgan/ops/kernels/winograd.h"

namespace fqgan::ops::kernels {
namespace {

// Each needs what stands before it.
// clang-format off
#include "fqgan/ops/kernels/avx512_vector.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/rows_body.h"
#include "fqgan/ops/kernels/columns_body.h"
#include "fqgan/ops/kernels/minibatch_body.h"
#include "fqgan/ops/kernels/weight_norm_body.h"
#include "fqgan/ops/kernels/adam_body.h"
#include "fqgan/ops/kernels/noise_body.h"
#include "fqgan/ops/kernels/screen_body.h"
#include "fqgan/ops/kernels/screen_float32.h"
#include "fqgan/ops/kernels/table_body.h"
// clang-format on

struct BFloat16 {
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

constinit const Kernels avx512_float32_kernels = [] {
  auto k = common_kernels("avx512");
  set_screening(k, screen_with<6, Float32<64>>, 64, nullptr);
  k.winograd_float32 = &avx512_winograd;
  k.few_channels_float32 = &avx512_few_channels;
  return k;
}();

constinit const Kernels avx512_kernels = [] {
  auto k = common_kernels("avx512_bf16");
  set_screening(k, screen_with<6, BFloat16>, 64, &avx512_float32_kernels);
  k.burn_bfloat16 = burn_bfloat16;
  k.winograd_float32 = &avx512_winograd;
  k.winograd_bfloat16 = &avx512_bfloat16_winograd;
  k.few_channels_float32 = &avx512_few_channels;
  k.few_channels_bfloat16 = &avx512_bfloat16_few_channels;
  return k;
}();

}  // namespace fqgan::ops::kernels
