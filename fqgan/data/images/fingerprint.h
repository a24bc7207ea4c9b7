// Perceptual fingerprints: which images of a set, or of two sets, look the same although their bytes differ.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "fqgan/data/images/raster.h"

namespace fqgan {

/// A gray thumbnail, and 64 bits that say where it grows brighter to the right (a difference hash).
struct Fingerprint {
  static constexpr int64_t side = 16;
  std::array<uint8_t, side * side> thumbnail{};
  uint64_t bits = 0;
  int64_t contrast = 0;  // sum of the thumbnail's distances from its mean
  bool flat = false;     // so little contrast that it looks like any other flat image
};
Fingerprint fingerprint_of(const Raster& image);

/// Pairs (i < j) of images that look the same: hashes that agree in one of their four quarters make candidates,
/// thumbnails decide. Flat images are left out. At most `limit` pairs.
using Pairs = std::vector<std::pair<int64_t, int64_t>>;
Pairs near_duplicates(const std::vector<Fingerprint>& images, size_t limit);
/// Pairs (index in a, index in b).
Pairs overlap(const std::vector<Fingerprint>& a, const std::vector<Fingerprint>& b, size_t limit);

}  // namespace fqgan
