// The order of a data set's images in an epoch: a pure function of (seed, stream, epoch), the same on every machine and
// for any number of threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace fqgan {

/// A permutation of 0..images-1: Fisher-Yates over a 64-bit Mersenne twister seeded with
/// mix_bits(seed, "order/" + stream, {epoch}). The standard library's shuffle is not used: its result is unspecified.
std::vector<int64_t> epoch_order(int64_t images, uint64_t seed, const std::string& stream, int64_t epoch);

/// Caches the orders of the epochs around the last use. May be called from several threads.
class EpochOrders {
 public:
  EpochOrders(int64_t images, uint64_t seed, std::string stream)
      : images_(images), seed_(seed), stream_(std::move(stream)) {}
  /// The image at `position` of `epoch`.
  int64_t at(int64_t epoch, int64_t position);

 private:
  int64_t images_;
  uint64_t seed_;
  std::string stream_;
  std::mutex mutex_;
  std::map<int64_t, std::vector<int64_t>> orders_;
};

}  // namespace fqgan
