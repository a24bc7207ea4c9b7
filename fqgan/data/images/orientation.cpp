#include "fqgan/data/images/orientation.h"

#include <algorithm>

namespace fqgan {
namespace {

// A TIFF directory in either byte order; reads beyond the end give 0.
struct Tiff {
  std::string_view bytes;
  bool little = false;
  uint32_t number(size_t at, size_t size) const {
    if (at > bytes.size() || size > bytes.size() - at) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      value = value << 8 | static_cast<uint8_t>(bytes[little ? at + size - 1 - i : at + i]);
    }
    return value;
  }
};

}  // namespace

int exif_orientation(std::string_view exif) {
  if (exif.substr(0, 6) != std::string_view("Exif\0\0", 6)) return 0;
  Tiff tiff{exif.substr(6)};
  tiff.little = tiff.bytes.substr(0, 2) == "II";
  if (!tiff.little && tiff.bytes.substr(0, 2) != "MM") return 0;
  constexpr uint32_t orientation_tag = 0x0112;
  const size_t directory = tiff.number(4, 4);
  const uint32_t count = tiff.number(directory, 2);
  for (uint32_t i = 0; i < count; ++i) {
    const size_t entry = directory + 2 + 12 * size_t{i};
    if (tiff.number(entry, 2) != orientation_tag) continue;
    const auto value = tiff.number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
  }
  return 0;
}

Raster upright(Raster image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool swapped = orientation > 4;  // 5..8: rows become columns
  const auto& from = image.shape;
  Raster result(swapped ? RasterShape{from.width, from.height, from.channels} : from);
  for (int64_t y = 0; y < result.shape.height; ++y) {
    for (int64_t x = 0; x < result.shape.width; ++x) {
      int64_t row = swapped ? x : y, column = swapped ? y : x;
      // Whether an axis of the stored image is reversed in the upright one.
      if (orientation == 3 || orientation == 4 || orientation == 7 || orientation == 6) row = from.height - 1 - row;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        column = from.width - 1 - column;
      const uint8_t* pixel = image.bytes.data() + (row * from.width + column) * from.channels;
      std::copy_n(pixel, from.channels, result.bytes.data() + (y * result.shape.width + x) * from.channels);
    }
  }
  return result;
}

}  // namespace fqgan
