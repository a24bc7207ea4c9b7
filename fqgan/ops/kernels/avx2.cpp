// AVX2 and FMA: vectors of eight; the search in float32, in tiles of 6 rows and 16 codes.
#include <immintrin.h>

#include "fqgan/ops/kernels/loops_body.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/screening_body.h"
#include "fqgan/ops/kernels/tables.h"

namespace fqgan::ops::kernels {
namespace {

struct Vector {
  static constexpr int64_t width = 8;
  using Floats = __m256;
  typedef int32_t Ints __attribute__((vector_size(32)));
  static Floats load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, Floats value) { _mm256_storeu_ps(to, value); }
  static Floats set(float x) { return _mm256_set1_ps(x); }
  static Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static Floats max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
  static Floats min(Floats a, Floats b) { return _mm256_min_ps(a, b); }
  static Floats above(Floats a, Floats b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
  static Floats select(Floats mask, Floats yes, Floats no) { return _mm256_blendv_ps(no, yes, mask); }
  static void select_codes(Floats mask, int32_t code, int32_t* at) {
    auto* place = reinterpret_cast<__m256i*>(at);
    const auto before = _mm256_castsi256_ps(_mm256_loadu_si256(place));
    const auto after = _mm256_blendv_ps(before, _mm256_castsi256_ps(_mm256_set1_epi32(code)), mask);
    _mm256_storeu_si256(place, _mm256_castps_si256(after));
  }
};

}  // namespace

namespace avx2 {

constinit const Screening screening = float32_screening<Vector, 6, 16>;
constinit const Loops loops = loop_kernels<Vector>;
constinit const Peak peak = {burn_float32<Vector>, nullptr};

}  // namespace avx2
}  // namespace fqgan::ops::kernels
