// Intel's matrix tiles (AMX-BF16).
#include <immintrin.h>

#include "fqgan/ops/kernels/few_channels.h"
#include "fqgan/ops/kernels/kernels.h"
#include "fqgan/ops/kernels/winograd.h"

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
#include "fqgan/ops/kernels/screen_amx.h"
#include "fqgan/ops/kernels/table_body.h"
// clang-format on

}  // namespace

constinit const Kernels amx_kernels = [] {
  auto k = common_kernels("amx_bf16");
  set_screening(k, screen_amx, amx_block, &avx512_float32_kernels);
  k.winograd_float32 = &avx512_winograd;
  k.few_channels_float32 = &avx512_few_channels;
  k.few_channels_bfloat16 = &avx512_bfloat16_few_channels;
  return k;
}();

}  // namespace fqgan::ops::kernels
