// Winograd's convolutions, and those of few channels, on AVX2 and FMA, in float32.
#include <immintrin.h>

#include "fqgan/ops/kernels/few_channels_body.h"
#include "fqgan/ops/kernels/tables.h"
#include "fqgan/ops/kernels/winograd_body.h"

namespace fqgan::ops::kernels {
namespace {

struct Float32 {
  using Element = float;
  using Floats = __m256;
  using Step = __m256;
  static constexpr int lanes = 8, widest = 2, depth = 1;
  static Floats load_floats(const float* from) { return _mm256_loadu_ps(from); }
  static void store_floats(float* to, Floats value) { _mm256_storeu_ps(to, value); }
  static Floats load(const float* from) { return load_floats(from); }
  static void store(float* to, Floats value) { store_floats(to, value); }
  static Floats set(float x) { return _mm256_set1_ps(x); }
  static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  static Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
  static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static float sum(Floats x) {
    const auto four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const auto two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static float to_float(float x) { return x; }
  static float from_float(float x) { return x; }
  static Floats max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
  static Floats where_positive(Floats x, Floats value) {
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ), value);
  }
  static Floats gather(const float* from, int64_t stride) {
    const auto lane = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    return _mm256_i32gather_ps(from, _mm256_mullo_epi32(lane, _mm256_set1_epi32(static_cast<int32_t>(stride))), 4);
  }
  static void scatter(float* to, int64_t stride, Floats value) {
    float values[lanes];
    store_floats(values, value);
    for (int i = 0; i < lanes; ++i) to[i * stride] = values[i];
  }
  static void store_step(float* to, const Floats (&values)[1]) { store_floats(to, values[0]); }
  static Step load_step(const float* from) { return load_floats(from); }
  static Step broadcast_step(const float* from) { return _mm256_broadcast_ss(from); }
  static Floats accumulate(Floats sum, Step x, Step w) { return _mm256_fmadd_ps(x, w, sum); }
};

}  // namespace

namespace avx2 {

constinit const Winograd winograd = winograd_kernels<Float32>;
constinit const FewChannels few_channels = few_channels_kernels<Float32>;

}  // namespace avx2
}  // namespace fqgan::ops::kernels
