// Augmentation of the training images by the loader: mirroring, and random crops as in UGATIT-pytorch (UGATIT.py:
// resized to size + 30, then a random piece of the size). Both depend only on (seed, stream, epoch, index), not on
// batch size, workers or ranks.
#pragma once

#include <string>

#include "fqgan/data/dataset.h"

namespace fqgan {

class Augmentation {
 public:
  /// Crops if the data set has a margin. `dataset` must outlive it.
  Augmentation(const Dataset& dataset, bool flip, uint64_t seed, const std::string& stream);
  /// Writes image `index`, augmented for `epoch`, into `pixels` (H x W x C bytes) and returns its label. May be called
  /// from several threads.
  int64_t read(int64_t epoch, int64_t index, uint8_t* pixels) const;

 private:
  void crop(int64_t epoch, int64_t index, uint8_t* pixels) const;

  const Dataset& dataset_;
  bool flip_;
  uint64_t seed_;
  std::string flip_key_, crop_key_;
};

}  // namespace fqgan
