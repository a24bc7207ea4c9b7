// The part of numpy.random.RandomState that torch-fidelity and NVIDIA's StyleGAN2 use, bit-identical: MT19937, the
// legacy shuffle by masked rejection, and the legacy normal distribution by the polar method. NumPy promises that
// RandomState's streams never change (NEP 19).
#pragma once

#include <cstdint>
#include <optional>
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
  /// RandomState.rand(): uniform in [0, 1).
  double uniform();
  /// RandomState.randn(): standard normal.
  double normal();

 private:
  uint64_t at_most(uint64_t limit);

  std::mt19937 words_;
  std::optional<double> second_;  // of the last pair of normal numbers
};

}  // namespace fqgan
