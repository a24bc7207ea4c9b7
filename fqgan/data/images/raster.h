// A decoded image in memory: bytes H x W x C, as in every step from the decoder to the network. Without LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fqgan {

/// Height, width and channels: 1 gray, 3 RGB, 4 RGBA.
struct RasterShape {
  int64_t height = 0, width = 0, channels = 0;
  int64_t bytes() const { return height * width * channels; }
  bool operator==(const RasterShape&) const = default;
};
/// "64x48" (width x height, the order of image programs)
std::string size_text(const RasterShape& shape);

/// uint8, H x W x C.
struct Raster {
  RasterShape shape;
  std::vector<uint8_t> bytes;
  Raster() = default;
  explicit Raster(RasterShape shape) : shape(shape), bytes(static_cast<size_t>(shape.bytes())) {}
};

/// Composites RGBA over a background colour (3 values), which gives RGB. Other rasters are returned unchanged.
Raster composite(Raster image, const std::vector<int64_t>& background);

/// Converts the number of channels: gray to RGB by repetition, RGB to gray by Rec. 601 luma (Pillow's mode L), to RGBA
/// with an opaque alpha channel, and from RGBA by dropping the alpha channel.
Raster with_channels(Raster image, int64_t channels);

}  // namespace fqgan
