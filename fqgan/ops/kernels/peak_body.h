// The kernel of peak.h in float32, for a set's vectors V.
#pragma once

#include "fqgan/ops/kernels/peak.h"

namespace fqgan::ops::kernels {
namespace {

template <class V>
double burn_float32(int64_t rounds) {
  constexpr int64_t chains = 12;  // more than two units with four cycles of latency can have in flight
  typename V::Floats sum[chains];
  for (int64_t c = 0; c < chains; ++c) sum[c] = V::set(static_cast<float>(c));
  const auto factor = V::set(0.5f), term = V::set(1.f);
  for (int64_t r = 0; r < rounds; ++r)
    for (int64_t c = 0; c < chains; ++c) sum[c] = V::fma(sum[c], factor, term);
  float sink[V::width];
  for (int64_t c = 0; c < chains; ++c) {
    V::store(sink, sum[c]);
    asm volatile("" : : "r"(sink) : "memory");
  }
  return static_cast<double>(rounds * chains * V::width * 2);
}

}  // namespace
}  // namespace fqgan::ops::kernels
