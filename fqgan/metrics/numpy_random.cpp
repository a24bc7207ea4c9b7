#include "fqgan/metrics/numpy_random.h"

#include <bit>
#include <cmath>
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

double NumpyRandom::uniform() {
  const uint64_t high = words_() >> 5, low = words_() >> 6;  // 27 and 26 bits
  return static_cast<double>(high << 26 | low) / static_cast<double>(uint64_t{1} << 53);
}

double NumpyRandom::normal() {
  if (second_) return *std::exchange(second_, std::nullopt);
  double x, y, square;  // a point in the unit disc, without its centre
  do {
    x = 2 * uniform() - 1;
    y = 2 * uniform() - 1;
    square = x * x + y * y;
  } while (square >= 1 || square == 0);
  const double factor = std::sqrt(-2 * std::log(square) / square);
  second_ = factor * x;
  return factor * y;
}

}  // namespace fqgan
