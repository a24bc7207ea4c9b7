// A decoded image in memory: bytes H x W x C, as in every step from the decoder to the network. No LibTorch here.
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
/// "64x48" (width x height, as image programs say it)
std::string size_text(const RasterShape& shape);

/// uint8, H x W x C.
struct Raster {
  RasterShape shape;
  std::vector<uint8_t> bytes;
  Raster() = default;
  explicit Raster(RasterShape shape) : shape(shape), bytes(static_cast<size_t>(shape.bytes())) {}
};

/// RGBA laid on a colour (3 values): RGB. Other rasters come back as they are.
Raster composite(Raster image, const std::vector<int64_t>& background);

/// Gray to RGB by repetition, RGB to gray by Rec. 601 luma (as Pillow's mode L), to RGBA with an opaque alpha; an alpha
/// channel is dropped where fewer than 4 channels are asked for.
Raster with_channels(Raster image, int64_t channels);

}  // namespace fqgan
