#include "fqgan/data/images/fingerprint.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <set>
#include <unordered_map>

#include "fqgan/data/images/resize.h"

namespace fqgan {
namespace {

constexpr int bands = 4, band_bits = 16;
constexpr size_t candidates_per_bucket = 64;  // limits the search, which common hashes would make quadratic

// Whether the mean difference is at most 2, and small against the images' contrast.
bool looks_like(const Fingerprint& a, const Fingerprint& b) {
  int64_t difference = 0;
  for (size_t i = 0; i < a.thumbnail.size(); ++i) difference += std::abs(a.thumbnail[i] - b.thumbnail[i]);
  return difference <= 2 * static_cast<int64_t>(a.thumbnail.size()) &&
         8 * difference <= std::min(a.contrast, b.contrast);
}

uint64_t band_of(const Fingerprint& image, int band) {
  const uint64_t bits = image.bits >> (band * band_bits) & 0xffff;
  return bits | static_cast<uint64_t>(band) << band_bits;
}

// An index of images by the bits of each band of their hash.
class Buckets {
 public:
  void add(const Fingerprint& image, int64_t index) {
    for (int band = 0; band < bands; ++band) {
      auto& bucket = buckets_[band_of(image, band)];
      if (bucket.size() < candidates_per_bucket) bucket.push_back(index);
    }
  }
  std::set<int64_t> candidates(const Fingerprint& image) const {
    std::set<int64_t> result;
    for (int band = 0; band < bands; ++band) {
      const auto found = buckets_.find(band_of(image, band));
      if (found != buckets_.end()) result.insert(found->second.begin(), found->second.end());
    }
    return result;
  }

 private:
  std::unordered_map<uint64_t, std::vector<int64_t>> buckets_;
};

}  // namespace

Fingerprint fingerprint_of(const Raster& image) {
  constexpr int64_t side = Fingerprint::side;
  Raster gray = image;
  if (gray.shape.channels == 4) gray = composite(std::move(gray), {0, 0, 0});
  gray = resize(with_channels(std::move(gray), 1), side, side, ResizeFilter::bicubic);
  Fingerprint result;
  std::copy(gray.bytes.begin(), gray.bytes.end(), result.thumbnail.begin());
  for (int64_t y = 0; y < 8; ++y) {
    for (int64_t x = 0; x < 8; ++x) {
      const auto* row = gray.bytes.data() + 2 * y * side + 2 * x;
      const int left = row[0] + row[side], right = row[1] + row[side + 1];
      result.bits = result.bits << 1 | (right > left + 2);
    }
  }
  const int64_t mean = std::accumulate(gray.bytes.begin(), gray.bytes.end(), int64_t{0}) / (side * side);
  for (const uint8_t value : gray.bytes) result.contrast += std::abs(value - mean);
  const auto [darkest, brightest] = std::minmax_element(gray.bytes.begin(), gray.bytes.end());
  result.flat = *brightest - *darkest < 8;
  return result;
}

Pairs near_duplicates(const std::vector<Fingerprint>& images, size_t limit) {
  Pairs pairs;
  Buckets seen;
  for (size_t i = 0; i < images.size() && pairs.size() < limit; ++i) {
    if (images[i].flat) continue;
    const auto index = static_cast<int64_t>(i);
    for (const int64_t other : seen.candidates(images[i])) {
      if (pairs.size() < limit && looks_like(images[static_cast<size_t>(other)], images[i]))
        pairs.emplace_back(other, index);
    }
    seen.add(images[i], index);
  }
  return pairs;
}

Pairs overlap(const std::vector<Fingerprint>& a, const std::vector<Fingerprint>& b, size_t limit) {
  Pairs pairs;
  Buckets of_a;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].flat) of_a.add(a[i], static_cast<int64_t>(i));
  }
  for (size_t j = 0; j < b.size(); ++j) {
    if (b[j].flat) continue;
    for (const int64_t i : of_a.candidates(b[j])) {
      if (pairs.size() == limit) return pairs;
      if (looks_like(a[static_cast<size_t>(i)], b[j])) pairs.emplace_back(i, static_cast<int64_t>(j));
    }
  }
  return pairs;
}

}  // namespace fqgan
