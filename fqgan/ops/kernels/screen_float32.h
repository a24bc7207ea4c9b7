// The product of screening in float32, for every instruction set. Included after screen_body.h.

template <int64_t codes>
struct Float32 {
  using Element = float;
  static constexpr int64_t step = 1, block = codes;
  template <int R, int64_t vectors>
  static void accumulate(const float* const (&row)[R], int64_t d, const float* packed,
                         typename Vector::Floats (&sum)[R][vectors]) {
    for (int64_t v = 0; v < vectors; ++v) {
      const auto e = Vector::load(packed + v * Vector::width);
      for (int r = 0; r < R; ++r) sum[r][v] = Vector::fma(Vector::set(row[r][d]), e, sum[r][v]);
    }
  }
};
