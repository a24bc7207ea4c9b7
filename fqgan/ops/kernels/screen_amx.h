// Screening with matrix tiles: 32 rows and 32 codes in four tiles of 16 x 16 sums, over pairs of bfloat16. Included
// after `Tiles` (the tile registers, 0 to 3 sums, 4 and 5 rows, 6 and 7 codes) and screen_body.h. Every 32 rows of the
// panel up to panel_rows must be readable.

constexpr int64_t tile = 16;       // rows, codes, and pairs of channels of a tile
constexpr int64_t amx_block = 64;  // the packing is that of AVX-512

/// scores: 2 tile x 2 tile products of the rows with 32 codes from `packed` on.
inline void products(const uint16_t* rows, int64_t stride, const uint16_t* packed, int64_t depth, float* scores) {
  Tiles::zero_sums();
  for (int64_t d = 0; d < depth; d += 2 * tile, packed += tile * 2 * amx_block) {
    Tiles::load_rows(rows + d, rows + d + tile * stride, stride * 2);
    Tiles::load_codes(packed, packed + 2 * tile, amx_block * 4);
    Tiles::accumulate();
  }
  Tiles::store_sums(scores, scores + tile, scores + 2 * tile * tile, scores + 2 * tile * tile + tile, 2 * tile * 4);
}

void screen_amx(const Dictionary& dictionary, const Panel& panel, const Leaders& leaders) {
  reset(leaders);
  [[maybe_unused]] const Tiles configured;
  alignas(64) float scores[4 * tile * tile];
  const auto* packed = static_cast<const uint16_t*>(dictionary.packed);
  for (int64_t code = 0; code < dictionary.blocks * amx_block; code += 2 * tile)
    for (int64_t first = 0; first < panel.count; first += 2 * tile) {
      const auto* block = packed + code / amx_block * amx_block * dictionary.depth + code % amx_block * 2;
      products(static_cast<const uint16_t*>(panel.rows) + first * panel.stride, panel.stride, block, dictionary.depth,
               scores);
      for (int64_t r = 0; r < 2 * tile && first + r < panel.count; ++r)
        for (int64_t k = 0; k < 2 * tile; k += Vector::width) {
          const auto bound = Vector::fma(Vector::set(1), Vector::load(scores + r * 2 * tile + k),
                                         margin(dictionary, panel, first + r, code + k));
          enter(leaders, first + r, code + k, bound);
        }
    }
}
