// Winograd's convolutions, and those of few channels, on AVX-512: float32, and bfloat16 with float32 sums.
#include <immintrin.h>

#include "fqgan/ops/kernels/few_channels.h"
#include "fqgan/ops/kernels/winograd.h"

namespace fqgan::ops::kernels {
namespace {

struct Avx512 {
  using Floats = __m512;
  static constexpr int lanes = 16, widest = 4;
  static Floats load_floats(const float* from) { return _mm512_loadu_ps(from); }
  static void store_floats(float* to, Floats value) { _mm512_storeu_ps(to, value); }
  static Floats set(float x) { return _mm512_set1_ps(x); }
  static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
  static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static float sum(Floats x) { return _mm512_reduce_add_ps(x); }
  static Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
  static Floats where_positive(Floats x, Floats value) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ), value);
  }
  static __m512i offsets(int64_t stride) {
    const auto lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm512_mullo_epi32(lane, _mm512_set1_epi32(static_cast<int32_t>(stride)));
  }
  static Floats gather(const float* from, int64_t stride) { return _mm512_i32gather_ps(offsets(stride), from, 4); }
  static void scatter(float* to, int64_t stride, Floats value) { _mm512_i32scatter_ps(to, offsets(stride), value, 4); }
};

struct Float32 : Avx512 {
  using Element = float;
  using Step = __m512;
  static constexpr int depth = 1;
  static float to_float(float x) { return x; }
  static float from_float(float x) { return x; }
  static Floats load(const float* from) { return load_floats(from); }
  static void store(float* to, Floats value) { store_floats(to, value); }
  static void store_step(float* to, const Floats (&values)[1]) { store_floats(to, values[0]); }
  static Step load_step(const float* from) { return load_floats(from); }
  static Step broadcast_step(const float* from) { return _mm512_set1_ps(*from); }
  static Floats accumulate(Floats sum, Step x, Step w) { return _mm512_fmadd_ps(x, w, sum); }
};

struct BFloat16 : Avx512 {
  using Element = uint16_t;
  using Step = __m512bh;
  static constexpr int depth = 2;
  static float to_float(uint16_t x) {
    const uint32_t bits = static_cast<uint32_t>(x) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
  }
  static uint16_t from_float(float x) {
    const auto rounded = (__m128i)_mm_cvtneps_pbh(_mm_set_ss(x));
    return static_cast<uint16_t>(_mm_extract_epi16(rounded, 0));
  }
  static Floats load(const uint16_t* from) {
    const auto bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static void store(uint16_t* to, Floats value) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(value));
  }
  /// Lane by lane the first, the second, the first, ...
  static void store_step(uint16_t* to, const Floats (&values)[2]) {
    const auto order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                        5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(values[1], values[0])));
  }
  static Step load_step(const uint16_t* from) { return (Step)_mm512_loadu_si512(from); }
  static Step broadcast_step(const uint16_t* from) {
    int32_t pair;
    __builtin_memcpy(&pair, from, sizeof pair);
    return (Step)_mm512_set1_epi32(pair);
  }
  static Floats accumulate(Floats sum, Step x, Step w) { return _mm512_dpbf16_ps(sum, x, w); }
};

// Each needs what stands before it.
// clang-format off
#include "fqgan/ops/kernels/winograd_forms.h"
#include "fqgan/ops/kernels/winograd_forward.h"
#include "fqgan/ops/kernels/winograd_weight.h"
#include "fqgan/ops/kernels/few_channels_body.h"
// clang-format on

}  // namespace

const Winograd avx512_winograd = winograd_of<Float32>();
const Winograd avx512_bfloat16_winograd = winograd_of<BFloat16>();
const FewChannels avx512_few_channels = few_channels_of<Float32>();
const FewChannels avx512_bfloat16_few_channels = few_channels_of<BFloat16>();

}  // namespace fqgan::ops::kernels
