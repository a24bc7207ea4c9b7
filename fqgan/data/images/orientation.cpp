#include "fqgan/data/images/orientation.h"

#include <algorithm>
#include <optional>
#include <utility>

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

/// The number of an entry of a directory; 0 if it is a list or of another type. The value is in the entry itself.
uint32_t entry_number(const Tiff& tiff, size_t entry) {
  constexpr uint32_t two_bytes = 3, four_bytes = 4;  // the types that Pillow takes
  if (tiff.number(entry + 4, 4) != 1) return 0;
  switch (tiff.number(entry + 2, 2)) {
    case two_bytes:
      return tiff.number(entry + 8, 2);
    case four_bytes:
      return tiff.number(entry + 8, 4);
  }
  return 0;
}

int valid(uint32_t orientation) { return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1; }

/// The orientation of a TIFF directory; nothing if it does not have the tag.
std::optional<int> exif_orientation(std::string_view exif) {
  constexpr std::string_view prefix("Exif\0\0", 6);
  for (int i = 0; i < 2 && exif.starts_with(prefix); ++i) exif.remove_prefix(prefix.size());
  Tiff tiff{exif};
  tiff.little = exif.starts_with("II");
  if (!tiff.little && !exif.starts_with("MM")) return std::nullopt;
  if (tiff.number(2, 2) != 42) return std::nullopt;
  constexpr uint32_t orientation_tag = 0x0112;
  const size_t directory = tiff.number(4, 4);
  const uint32_t count = tiff.number(directory, 2);
  for (uint32_t i = 0; i < count; ++i) {
    const size_t entry = directory + 2 + 12 * size_t{i};
    if (tiff.number(entry, 2) == orientation_tag) return valid(entry_number(tiff, entry));
  }
  return std::nullopt;
}

/// From `tiff:Orientation="6"` or `<tiff:Orientation>6<`.
std::optional<int> xmp_orientation(std::string_view xmp) {
  constexpr std::string_view name = "tiff:Orientation";
  for (auto at = xmp.find(name); at != xmp.npos; at = xmp.find(name, at + 1)) {
    auto rest = xmp.substr(at + name.size());
    if (!rest.starts_with("=\"") && !rest.starts_with(">")) continue;
    rest.remove_prefix(rest[0] == '=' ? 2 : 1);
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return valid(static_cast<uint32_t>(rest[0] - '0'));
  }
  return std::nullopt;
}

}  // namespace

int orientation_of(const Metadata& metadata) {
  if (const auto found = exif_orientation(metadata.exif)) return *found;
  return xmp_orientation(metadata.xmp).value_or(1);
}

RasterShape upright(RasterShape shape, int orientation) {
  if (orientation > 4) std::swap(shape.height, shape.width);  // 5 to 8: rows become columns
  return shape;
}

Raster upright(Raster image, int orientation) {
  if (orientation == 1) return image;
  const bool swapped = orientation > 4;
  const auto& from = image.shape;
  Raster result(upright(from, orientation));
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
