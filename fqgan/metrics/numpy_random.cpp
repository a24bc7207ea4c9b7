#include "fqgan/metrics/numpy_random.h"

#include <bit>
#include <numeric>
#include <utility>

namespace fqgan {

/// A number from 0 to `limit`: draws words with as many bits as `limit`, until one is not above it.
uint64_t NumpyRandom::at_most(uint64_t limit) {
  if (limit == 0) return 0;
  const uint64_t mask = ~uint64_t{0} >> std::countl_zero(limit);
  while (true) {
    uint64_t value = words_();
    if (limit > 0xffffffffu) value = value << 32 | words_();
    if ((value & mask) <= limit) return value & mask;
  }
}

std::vector<int64_t> NumpyRandom::permutation(int64_t n) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i > 0; --i) std::swap(order[i], order[at_most(i)]);
  return order;
}

std::vector<int64_t> NumpyRandom::choice_without_replacement(int64_t n, int64_t k) {
  auto order = permutation(n);
  order.resize(k);
  return order;
}

}  // namespace fqgan
