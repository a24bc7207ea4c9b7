// How fast this instruction set multiplies when nothing else holds it up. Included by each instruction set's file
// within its anonymous namespace, after its Vector.

/// Operations done (a multiplication and an addition are two).
inline double burn_float32(int64_t rounds) {
  constexpr int64_t chains = 12;  // more than two units with four cycles of latency can have in flight
  Vector::Floats sum[chains];
  for (int64_t c = 0; c < chains; ++c) sum[c] = Vector::set(static_cast<float>(c));
  const auto factor = Vector::set(0.5f), term = Vector::set(1.f);
  for (int64_t r = 0; r < rounds; ++r)
    for (int64_t c = 0; c < chains; ++c) sum[c] = Vector::fma(sum[c], factor, term);
  float sink[Vector::width];
  for (int64_t c = 0; c < chains; ++c) {
    Vector::store(sink, sum[c]);
    asm volatile("" : : "r"(sink) : "memory");
  }
  return static_cast<double>(rounds * chains * Vector::width * 2);
}
