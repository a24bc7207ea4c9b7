// What the units of arithmetic of AVX-512 share (winograd_forms_body.h): sixteen floats.
#pragma once

#include <immintrin.h>

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

}  // namespace
}  // namespace fqgan::ops::kernels
