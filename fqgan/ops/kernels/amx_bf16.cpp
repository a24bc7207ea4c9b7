// Intel's matrix tiles (AMX-BF16): the search in bfloat16. Everything else runs on the kernels of AVX-512.
#include <immintrin.h>

#include "fqgan/ops/kernels/avx512_vector.h"
#include "fqgan/ops/kernels/screening_tiles_body.h"
#include "fqgan/ops/kernels/tables.h"

namespace fqgan::ops::kernels {
namespace {

struct Tiles {
  Tiles() {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } shape;
    _tile_loadconfig(&shape);
  }
  ~Tiles() { _tile_release(); }
  static void zero_sums() {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  static void load_rows(const uint16_t* upper, const uint16_t* lower, int64_t stride) {
    _tile_loadd(4, upper, stride);
    _tile_loadd(5, lower, stride);
  }
  static void load_codes(const uint16_t* left, const uint16_t* right, int64_t stride) {
    _tile_loadd(6, left, stride);
    _tile_loadd(7, right, stride);
  }
  static void accumulate() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  static void store_sums(float* upper_left, float* upper_right, float* lower_left, float* lower_right, int64_t stride) {
    _tile_stored(0, upper_left, stride);
    _tile_stored(1, upper_right, stride);
    _tile_stored(2, lower_left, stride);
    _tile_stored(3, lower_right, stride);
  }
};

}  // namespace

constinit const Screening amx_bf16::screening = tiles_screening<Vector, Tiles>(avx512::screening);

}  // namespace fqgan::ops::kernels
