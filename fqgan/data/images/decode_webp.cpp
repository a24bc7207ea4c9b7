// Decodes WebP by libwebp: lossy and lossless, with or without alpha. Animations are refused.
#ifdef FQGAN_DECODERS
#include <webp/decode.h>

#include "fqgan/data/images/codecs.h"

namespace fqgan {

Raster decode_webp(const DecodeTask& task) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(task.bytes.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, task.bytes.size(), &features) != VP8_STATUS_OK) throw DecodeError("damaged WebP (header)");
  if (features.has_animation) throw DecodeError("expected a single image, got an animated WebP");
  check_pixels(features.height, features.width, task.max_pixels);
  const RasterShape shape{features.height, features.width, features.has_alpha ? 4 : 3};
  Raster raster;
  raster.shape = shape;
  if (task.shape_only) return raster;
  raster = Raster(shape);
  const auto decode = features.has_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  const auto stride = static_cast<int>(shape.width * shape.channels);
  if (!decode(bytes, task.bytes.size(), raster.bytes.data(), raster.bytes.size(), stride)) {
    throw DecodeError("damaged WebP");
  }
  return raster;
}

}  // namespace fqgan
#endif
