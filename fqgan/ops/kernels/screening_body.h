// Screening: upper bounds of the scores of a panel's rows with a dictionary's codes, and per row and lane the two
// highest. Tiles of R rows and one block of codes stay in registers; no score is ever stored.
// V: a set's vectors (load, store, set, fma, max, min, above, select). Product: Element, step, block, accumulate.
#pragma once

#include "fqgan/ops/kernels/screening.h"

namespace fqgan::ops::kernels {
namespace {

/// Nothing seen yet.
inline void reset(const Leaders& leaders) {
  for (int64_t i = 0; i < panel_rows * lanes; ++i) {
    leaders.best[i] = leaders.second[i] = -__builtin_inff();
    leaders.code[i] = 0;
  }
}

/// The part of the bound that is not the product: codes code .. code + width - 1, row m.
template <class V>
typename V::Floats margin(const Dictionary& dictionary, const Panel& panel, int64_t m, int64_t code) {
  const auto near = V::fma(V::set(panel.norm[m]), V::load(dictionary.reach + code), V::load(dictionary.start + code));
  return V::fma(V::set(panel.residual[m]), V::load(dictionary.norm + code), near);
}

/// Codes code .. code + width - 1 enter the competition of row m with these bounds.
template <class V>
void enter(const Leaders& leaders, int64_t m, int64_t code, typename V::Floats bound) {
  const int64_t at = m * lanes + code % lanes;
  const auto best = V::load(leaders.best + at);
  const auto above = V::above(bound, best);
  V::store(leaders.second + at, V::max(V::load(leaders.second + at), V::min(best, bound)));
  V::store(leaders.best + at, V::select(above, bound, best));
  V::select_codes(above, static_cast<int32_t>(code / lanes * lanes), leaders.code + at);
}

template <class V, int R, class Product>
void screen_tile(const Dictionary& dictionary, const Panel& panel, const Leaders& leaders, int64_t block,
                 int64_t first) {
  constexpr int64_t width = V::width, vectors = Product::block / width;
  using Element = typename Product::Element;
  const int64_t code = block * Product::block;
  const Element* row[R];
  typename V::Floats sum[R][vectors];
  for (int r = 0; r < R; ++r) {
    const int64_t m = first + r < panel.count ? first + r : panel.count - 1;  // the last tile repeats the last row
    row[r] = static_cast<const Element*>(panel.rows) + m * panel.stride;
    for (int64_t v = 0; v < vectors; ++v) sum[r][v] = margin<V>(dictionary, panel, m, code + v * width);
  }
  const auto* packed = static_cast<const Element*>(dictionary.packed) + code * dictionary.depth;
  for (int64_t d = 0; d < dictionary.depth; d += Product::step, packed += Product::step * Product::block)
    Product::template accumulate<R>(row, d, packed, sum);
  for (int r = 0; r < R; ++r)
    for (int64_t v = 0; v < vectors; ++v) enter<V>(leaders, first + r, code + v * width, sum[r][v]);
}

template <class V, int R, class Product>
void screen_with(const Dictionary& dictionary, const Panel& panel, const Leaders& leaders) {
  static_assert(panel_rows % R == 0 && Product::block % lanes == 0);
  reset(leaders);
  for (int64_t block = 0; block < dictionary.blocks; ++block)
    for (int64_t first = 0; first < panel.count; first += R)
      screen_tile<V, R, Product>(dictionary, panel, leaders, block, first);
}

/// The product in float32, for blocks of so many codes.
template <class V, int64_t codes>
struct Float32Product {
  using Element = float;
  static constexpr int64_t step = 1, block = codes;
  template <int R, int64_t vectors>
  static void accumulate(const float* const (&row)[R], int64_t d, const float* packed,
                         typename V::Floats (&sum)[R][vectors]) {
    for (int64_t v = 0; v < vectors; ++v) {
      const auto e = V::load(packed + v * V::width);
      for (int r = 0; r < R; ++r) sum[r][v] = V::fma(V::set(row[r][d]), e, sum[r][v]);
    }
  }
};

/// A search in float32, in tiles of R rows and so many codes.
template <class V, int R, int64_t codes>
constexpr Screening float32_screening = {screen_with<V, R, Float32Product<V, codes>>, codes, false, nullptr};

}  // namespace
}  // namespace fqgan::ops::kernels
