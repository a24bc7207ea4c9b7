// What a loader does to an image of a training set on its way into a batch: mirroring, and random crops as
// UGATIT-pytorch makes them (UGATIT.py: resized to size + 30, then a random piece of the size). Both are decided by
// (seed, stream, epoch, index) alone, so that they do not depend on batch size, workers or ranks.
#pragma once

#include <string>

#include "fqgan/data/dataset.h"

namespace fqgan {

class Augmentation {
 public:
  /// Crops where the data set has a margin for it. `dataset` must outlive it.
  Augmentation(const Dataset& dataset, bool flip, uint64_t seed, const std::string& stream);
  /// Writes image `index` as `epoch` shows it into `pixels` (H x W x C bytes) and returns its label. Safe to call from
  /// several threads.
  int64_t read(int64_t epoch, int64_t index, uint8_t* pixels) const;

 private:
  void crop(int64_t epoch, int64_t index, uint8_t* pixels) const;

  const Dataset& dataset_;
  bool flip_;
  uint64_t seed_;
  std::string flip_key_, crop_key_;
};

}  // namespace fqgan
