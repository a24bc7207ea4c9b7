#include "fqgan/data/store/order.h"

#include <numeric>
#include <random>
#include <utility>

#include "fqgan/core/streams.h"

namespace fqgan {
namespace {

// An unbiased draw: values in the incomplete last block of `count` are rejected.
uint64_t below(uint64_t count, std::mt19937_64& random) {
  const uint64_t rejected = (0 - count) % count;  // 2^64 mod count
  uint64_t bits = random();
  while (bits < rejected) bits = random();
  return bits % count;
}

}  // namespace

std::vector<int64_t> epoch_order(int64_t images, uint64_t seed, const std::string& stream, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(images));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(mix_bits(seed, "order/" + stream, {epoch}));
  for (size_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[below(left, random)]);
  return order;
}

int64_t EpochOrders::at(int64_t epoch, int64_t position) {
  const std::lock_guard lock(mutex_);
  auto found = orders_.find(epoch);
  if (found == orders_.end()) {
    // Batches that are prepared at the same time are in neighbouring epochs.
    if (orders_.size() >= 4) orders_.erase(orders_.begin()->first < epoch ? orders_.begin() : std::prev(orders_.end()));
    found = orders_.emplace(epoch, epoch_order(images_, seed_, stream_, epoch)).first;
  }
  return found->second[static_cast<size_t>(position)];
}

}  // namespace fqgan
