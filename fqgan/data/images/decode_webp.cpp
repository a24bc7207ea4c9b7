// Decodes WebP by libwebp: lossy and lossless, with or without alpha. The EXIF orientation is applied. Animations are
// refused.
#ifdef FQGAN_DECODERS
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "fqgan/data/images/codecs.h"
#include "fqgan/data/images/orientation.h"

namespace fqgan {
namespace {

std::string chunk_of(const WebPDemuxer* file, const char* name) {
  WebPChunkIterator found;
  if (!WebPDemuxGetChunk(file, name, 1, &found)) return "";
  std::string data(reinterpret_cast<const char*>(found.chunk.bytes), found.chunk.size);
  WebPDemuxReleaseChunkIterator(&found);
  return data;
}

/// The orientation; it is behind the pixels of the file. Errors: DecodeError (the file is cut).
int orientation_in(std::string_view bytes) {
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  const std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)> file(WebPDemux(&data), WebPDemuxDelete);
  if (!file) throw DecodeError("damaged WebP (truncated)");
  if ((WebPDemuxGetI(file.get(), WEBP_FF_FORMAT_FLAGS) & (EXIF_FLAG | XMP_FLAG)) == 0) return 1;
  return orientation_of({chunk_of(file.get(), "EXIF"), chunk_of(file.get(), "XMP ")});
}

}  // namespace

Raster decode_webp(const DecodeTask& task) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(task.bytes.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, task.bytes.size(), &features) != VP8_STATUS_OK) throw DecodeError("damaged WebP (header)");
  if (features.has_animation) throw DecodeError("expected a single image, got an animated WebP");
  check_pixels(features.height, features.width, task.max_pixels);
  const RasterShape shape{features.height, features.width, features.has_alpha ? 4 : 3};
  Raster raster;
  raster.shape = shape;
  if (task.shape_only && shape.height == shape.width) return raster;
  const int orientation = orientation_in(task.bytes);
  if (task.shape_only) {
    raster.shape = upright(shape, orientation);
    return raster;
  }
  raster = Raster(shape);
  const auto decode = features.has_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  const auto stride = static_cast<int>(shape.width * shape.channels);
  if (!decode(bytes, task.bytes.size(), raster.bytes.data(), raster.bytes.size(), stride)) {
    throw DecodeError("damaged WebP");
  }
  return upright(std::move(raster), orientation);
}

}  // namespace fqgan
#endif
