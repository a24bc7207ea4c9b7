// Screening with matrix tiles: 32 rows and 32 codes in four tiles of 16 x 16 sums, over pairs of bfloat16. V: a set's
// vectors. Tiles: the tile registers, 0 to 3 sums, 4 and 5 rows, 6 and 7 codes. Every 32 rows of the panel up to
// panel_rows must be readable.
#pragma once

#include "fqgan/ops/kernels/screening_body.h"

namespace fqgan::ops::kernels {
namespace {

constexpr int64_t tile = 16;        // rows, codes, and pairs of channels of a tile
constexpr int64_t tile_block = 64;  // the packing is that of AVX-512

/// scores: 2 tile x 2 tile products of the rows with 32 codes from `packed` on.
template <class Tiles>
void tile_products(const uint16_t* rows, int64_t stride, const uint16_t* packed, int64_t depth, float* scores) {
  Tiles::zero_sums();
  for (int64_t d = 0; d < depth; d += 2 * tile, packed += tile * 2 * tile_block) {
    Tiles::load_rows(rows + d, rows + d + tile * stride, stride * 2);
    Tiles::load_codes(packed, packed + 2 * tile, tile_block * 4);
    Tiles::accumulate();
  }
  Tiles::store_sums(scores, scores + tile, scores + 2 * tile * tile, scores + 2 * tile * tile + tile, 2 * tile * 4);
}

template <class V, class Tiles>
void screen_tiles(const Dictionary& dictionary, const Panel& panel, const Leaders& leaders) {
  reset(leaders);
  [[maybe_unused]] const Tiles configured;
  alignas(64) float scores[4 * tile * tile];
  const auto* packed = static_cast<const uint16_t*>(dictionary.packed);
  for (int64_t code = 0; code < dictionary.blocks * tile_block; code += 2 * tile)
    for (int64_t first = 0; first < panel.count; first += 2 * tile) {
      const auto* block = packed + code / tile_block * tile_block * dictionary.depth + code % tile_block * 2;
      tile_products<Tiles>(static_cast<const uint16_t*>(panel.rows) + first * panel.stride, panel.stride, block,
                           dictionary.depth, scores);
      for (int64_t r = 0; r < 2 * tile && first + r < panel.count; ++r)
        for (int64_t k = 0; k < 2 * tile; k += V::width) {
          const auto bound =
              V::fma(V::set(1), V::load(scores + r * 2 * tile + k), margin<V>(dictionary, panel, first + r, code + k));
          enter<V>(leaders, first + r, code + k, bound);
        }
    }
}

/// The search with these tiles; `finer` screens in float32.
template <class V, class Tiles>
constexpr Screening tiles_screening(const Screening& finer) {
  return {screen_tiles<V, Tiles>, tile_block, true, &finer};
}

}  // namespace
}  // namespace fqgan::ops::kernels
