// Winograd's convolutions, and those of few channels, on AVX-512, in bfloat16 with float32 sums.
#include "fqgan/ops/kernels/avx512_unit.h"
#include "fqgan/ops/kernels/few_channels_body.h"
#include "fqgan/ops/kernels/tables.h"
#include "fqgan/ops/kernels/winograd_body.h"

namespace fqgan::ops::kernels {
namespace {

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

}  // namespace

namespace avx512_bf16 {

constinit const Winograd winograd = winograd_kernels<BFloat16>;
constinit const FewChannels few_channels = few_channels_kernels<BFloat16>;

}  // namespace avx512_bf16
}  // namespace fqgan::ops::kernels
