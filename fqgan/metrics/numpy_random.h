// The part of numpy.random.RandomState that torch-fidelity uses, bit-identical: MT19937, and the legacy shuffle by
// masked rejection. NumPy promises that RandomState's streams never change (NEP 19).
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace fqgan {

class NumpyRandom {
 public:
  explicit NumpyRandom(uint32_t seed) : words_(seed) {}

  /// RandomState.permutation(n).
  std::vector<int64_t> permutation(int64_t n);
  /// RandomState.choice(n, size=k, replace=False): the first k of a permutation of all n. Needs k <= n.
  std::vector<int64_t> choice_without_replacement(int64_t n, int64_t k);

 private:
  uint64_t at_most(uint64_t limit);

  std::mt19937 words_;
};

}  // namespace fqgan
