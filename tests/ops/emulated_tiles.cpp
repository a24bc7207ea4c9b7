#include "ops/emulated_tiles.h"

#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/plain_vector.h"
#include "fqgan/ops/kernels/screening_tiles_body.h"
#include "fqgan/ops/kernels/tables.h"

namespace fqgan::ops::kernels {
namespace {

/// Eight tiles of 16 rows of 64 bytes; the instructions as Intel's manual describes them.
struct Tiles {
  static constexpr int64_t side = 16;
  struct Tile {
    uint8_t row[side][64];
  };
  static thread_local Tile tiles[8];

  static void load(int t, const void* from, int64_t stride) {
    for (int64_t r = 0; r < side; ++r)
      __builtin_memcpy(tiles[t].row[r], static_cast<const uint8_t*>(from) + r * stride, 64);
  }
  static void store(int t, void* to, int64_t stride) {
    for (int64_t r = 0; r < side; ++r) __builtin_memcpy(static_cast<uint8_t*>(to) + r * stride, tiles[t].row[r], 64);
  }
  /// sums[m][n] += a[m][2k] b[k][2n] + a[m][2k + 1] b[k][2n + 1]
  static void dot(int sums, int a, int b) {
    for (int64_t m = 0; m < side; ++m)
      for (int64_t n = 0; n < side; ++n) {
        float total;
        __builtin_memcpy(&total, tiles[sums].row[m] + 4 * n, 4);
        for (int64_t k = 0; k < side; ++k)
          for (int64_t half = 0; half < 2; ++half) {
            uint16_t left, right;
            __builtin_memcpy(&left, tiles[a].row[m] + 4 * k + 2 * half, 2);
            __builtin_memcpy(&right, tiles[b].row[k] + 4 * n + 2 * half, 2);
            total += widen(left) * widen(right);
          }
        __builtin_memcpy(tiles[sums].row[m] + 4 * n, &total, 4);
      }
  }

  static void zero_sums() {
    for (int t = 0; t < 4; ++t) tiles[t] = {};
  }
  static void load_rows(const uint16_t* upper, const uint16_t* lower, int64_t stride) {
    load(4, upper, stride);
    load(5, lower, stride);
  }
  static void load_codes(const uint16_t* left, const uint16_t* right, int64_t stride) {
    load(6, left, stride);
    load(7, right, stride);
  }
  static void accumulate() {
    dot(0, 4, 6);
    dot(1, 4, 7);
    dot(2, 5, 6);
    dot(3, 5, 7);
  }
  static void store_sums(float* upper_left, float* upper_right, float* lower_left, float* lower_right, int64_t stride) {
    store(0, upper_left, stride);
    store(1, upper_right, stride);
    store(2, lower_left, stride);
    store(3, lower_right, stride);
  }
};
thread_local Tiles::Tile Tiles::tiles[8];

constexpr Screening screening = tiles_screening<Vector, Tiles>(plain::screening);
constexpr InstructionSet set{
    .name = "emulated tiles", .screening = screening, .loops = plain::loops, .peak = plain::peak};

}  // namespace
}  // namespace fqgan::ops::kernels

namespace fqgan::test {

const ops::kernels::InstructionSet& emulated_tiles() { return ops::kernels::set; }

}  // namespace fqgan::test
