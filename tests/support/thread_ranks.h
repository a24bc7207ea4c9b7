// Ranks that are threads of one process, for tests of what is computed over ranks.
#pragma once

#include <atomic>
#include <functional>

#include "fqgan/nn/ranks.h"

namespace fqgan::test {

/// Runs `body` on `count` threads at once, each with its own rank. When one of them throws, all others stop at their
/// next collective; the first error is then thrown here. A collective that one rank alone calls is such an error too.
void on_ranks(int64_t count, const std::function<void(const Ranks&)>& body);

/// Forwards to other ranks (null: a single process) and counts collectives.
struct CountingRanks : Ranks {
  explicit CountingRanks(const Ranks* inner = nullptr) : inner(inner) {}
  int64_t rank() const override { return rank_in(inner); }
  int64_t size() const override { return ranks_in(inner); }
  void sum(std::vector<at::Tensor>& tensors) const override;
  std::vector<at::Tensor> gather(const at::Tensor& tensor) const override;
  void broadcast(std::vector<at::Tensor>& tensors, int64_t root) const override;
  bool any(bool condition) const override;
  const Ranks* inner;
  mutable std::atomic<int64_t> calls = 0;
};

}  // namespace fqgan::test
