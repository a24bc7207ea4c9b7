// Screening: upper bounds of the scores of a panel's rows with a dictionary's codes, and per row and lane the two
// highest. Tiles of R rows and one block of codes stay in registers; no score is ever stored. Included by each
// instruction set's file within its anonymous namespace, after its `Vector` (load, store, set, fma, max, min, above,
// select) and its product `Product` (Element, step, block, accumulate).

/// Nothing seen yet.
void reset(const Leaders& leaders) {
  for (int64_t i = 0; i < panel_rows * lanes; ++i) {
    leaders.best[i] = leaders.second[i] = -__builtin_inff();
    leaders.code[i] = 0;
  }
}

/// The part of the bound that is not the product: codes code .. code + width - 1, row m.
inline Vector::Floats margin(const Dictionary& dictionary, const Panel& panel, int64_t m, int64_t code) {
  const auto near = Vector::fma(Vector::set(panel.norm[m]), Vector::load(dictionary.reach + code),
                                Vector::load(dictionary.start + code));
  return Vector::fma(Vector::set(panel.residual[m]), Vector::load(dictionary.norm + code), near);
}

/// Codes code .. code + width - 1 enter the competition of row m with these bounds.
inline void enter(const Leaders& leaders, int64_t m, int64_t code, Vector::Floats bound) {
  const int64_t at = m * lanes + code % lanes;
  const auto best = Vector::load(leaders.best + at);
  const auto above = Vector::above(bound, best);
  Vector::store(leaders.second + at, Vector::max(Vector::load(leaders.second + at), Vector::min(best, bound)));
  Vector::store(leaders.best + at, Vector::select(above, bound, best));
  Vector::select_codes(above, static_cast<int32_t>(code / lanes * lanes), leaders.code + at);
}

template <int R, class Product>
void screen_tile(const Dictionary& dictionary, const Panel& panel, const Leaders& leaders, int64_t block,
                 int64_t first) {
  constexpr int64_t width = Vector::width, vectors = Product::block / width;
  using Element = typename Product::Element;
  const int64_t code = block * Product::block;
  const Element* row[R];
  Vector::Floats sum[R][vectors];
  for (int r = 0; r < R; ++r) {
    const int64_t m = first + r < panel.count ? first + r : panel.count - 1;  // the last tile repeats the last row
    row[r] = static_cast<const Element*>(panel.rows) + m * panel.stride;
    for (int64_t v = 0; v < vectors; ++v) sum[r][v] = margin(dictionary, panel, m, code + v * width);
  }
  const auto* packed = static_cast<const Element*>(dictionary.packed) + code * dictionary.depth;
  for (int64_t d = 0; d < dictionary.depth; d += Product::step, packed += Product::step * Product::block)
    Product::template accumulate<R>(row, d, packed, sum);
  for (int r = 0; r < R; ++r)
    for (int64_t v = 0; v < vectors; ++v) enter(leaders, first + r, code + v * width, sum[r][v]);
}

template <int R, class Product>
void screen_with(const Dictionary& dictionary, const Panel& panel, const Leaders& leaders) {
  static_assert(panel_rows % R == 0 && Product::block % lanes == 0);
  reset(leaders);
  for (int64_t block = 0; block < dictionary.blocks; ++block)
    for (int64_t first = 0; first < panel.count; first += R)
      screen_tile<R, Product>(dictionary, panel, leaders, block, first);
}
