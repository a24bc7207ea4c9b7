// Perceptual fingerprints: find images of one or two sets that look the same although their bytes differ.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "fqgan/data/images/raster.h"

namespace fqgan {

/// A gray thumbnail and its 64-bit difference hash, whose bits say where it gets brighter to the right.
struct Fingerprint {
  static constexpr int64_t side = 16;
  std::array<uint8_t, side * side> thumbnail{};
  uint64_t bits = 0;
  int64_t contrast = 0;  // sum of absolute differences from the thumbnail's mean
  bool flat = false;     // too little contrast to be compared
};
Fingerprint fingerprint_of(const Raster& image);

/// Pairs (i < j) of images that look the same: images whose hashes agree in one of four quarters are candidates, and
/// their thumbnails decide. Flat images are left out. At most `limit` pairs.
using Pairs = std::vector<std::pair<int64_t, int64_t>>;
Pairs near_duplicates(const std::vector<Fingerprint>& images, size_t limit);
/// Pairs (index in a, index in b) of images that look the same.
Pairs overlap(const std::vector<Fingerprint>& a, const std::vector<Fingerprint>& b, size_t limit);

}  // namespace fqgan
