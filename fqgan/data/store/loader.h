// Endless shuffled batches of a data set, prefetched by worker threads. The order is a pure function of (seed, stream
// name, epoch), so that the only state is the number of images taken.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// A batch of N images.
struct RawBatch {
  at::Tensor pixels;  // uint8, N x C x H x W in channels_last memory
  at::Tensor labels;  // int64, N; -1: no label
};

struct LoaderOptions {
  std::string stream = "train";  // part of the random key, so that two streams over one set differ
  uint64_t seed = 0;
  int64_t batch = 64;           // images per batch of this rank; batch * ranks is at most the data set's size,
  bool repeats = false;         // unless a batch may hold an image several times
  bool flip = false;            // mirror each image with probability 1/2; see store/augmentation.h
  int64_t ahead = 3;            // number of prefetched batches
  int64_t workers = 1;          // threads that prefetch; the batches do not depend on it
  int64_t rank = 0, ranks = 1;  // this rank's slice of each global batch of batch * ranks images
};

class Loader {
 public:
  /// `dataset` must outlive the loader.
  Loader(const Dataset& dataset, LoaderOptions options);
  ~Loader();
  /// Returns images cursor .. cursor + batch - 1 of the endless sequence epoch 0, epoch 1, ...; a batch may span two
  /// epochs. With several ranks: this rank's part of cursor .. cursor + batch * ranks - 1. Throws the workers' errors.
  RawBatch next();
  int64_t cursor() const;     // images taken so far, by all ranks
  void seek(int64_t cursor);  // on resume; any value >= 0

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fqgan
