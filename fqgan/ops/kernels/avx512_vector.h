// Vectors of sixteen, for the files of AVX-512.
#pragma once

#include <immintrin.h>

namespace fqgan::ops::kernels {
namespace {

struct Vector {
  static constexpr int64_t width = 16;
  using Floats = __m512;
  typedef int32_t Ints __attribute__((vector_size(64)));
  static Floats load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Floats value) { _mm512_storeu_ps(to, value); }
  static Floats set(float x) { return _mm512_set1_ps(x); }
  static Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
  static Floats min(Floats a, Floats b) { return _mm512_min_ps(a, b); }
  static __mmask16 above(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
  static Floats select(__mmask16 mask, Floats yes, Floats no) { return _mm512_mask_mov_ps(no, mask, yes); }
  static void select_codes(__mmask16 mask, int32_t code, int32_t* at) {
    _mm512_mask_storeu_epi32(at, mask, _mm512_set1_epi32(code));
  }
};

}  // namespace
}  // namespace fqgan::ops::kernels
