#include "fqgan/data/images/raster.h"

#include "fqgan/core/error.h"

namespace fqgan {

std::string size_text(const RasterShape& shape) {
  return std::to_string(shape.width) + "x" + std::to_string(shape.height);
}

Raster composite(Raster image, const std::vector<int64_t>& background) {
  if (image.shape.channels != 4) return image;
  FQGAN_CHECK(background.size() == 3, "a background is three values");
  Raster result({image.shape.height, image.shape.width, 3});
  const uint8_t* from = image.bytes.data();
  uint8_t* to = result.bytes.data();
  for (int64_t pixel = 0; pixel < image.shape.height * image.shape.width; ++pixel, from += 4, to += 3) {
    const int64_t alpha = from[3];
    for (int c = 0; c < 3; ++c)
      to[c] = static_cast<uint8_t>((from[c] * alpha + background[c] * (255 - alpha) + 127) / 255);
  }
  return result;
}

namespace {

uint8_t luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 32768) >> 16);
}

}  // namespace

Raster with_channels(Raster image, int64_t channels) {
  const int64_t had = image.shape.channels;
  if (had == channels) return image;
  FQGAN_CHECK(channels == 1 || channels == 3 || channels == 4, "1, 3 or 4 channels");
  Raster result({image.shape.height, image.shape.width, channels});
  const uint8_t* from = image.bytes.data();
  uint8_t* to = result.bytes.data();
  for (int64_t pixel = 0; pixel < image.shape.height * image.shape.width; ++pixel, from += had, to += channels) {
    if (channels == 1) {
      to[0] = luma(from);
      continue;
    }
    for (int c = 0; c < 3; ++c) to[c] = from[had == 1 ? 0 : c];
    if (channels == 4) to[3] = 255;
  }
  return result;
}

}  // namespace fqgan
