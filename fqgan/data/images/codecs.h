// The decoders behind decode.h, one file each.
#pragma once

#include <string_view>

#include "fqgan/data/images/decode.h"

namespace fqgan {

struct DecodeTask {
  std::string_view bytes;
  int64_t max_pixels;
  bool shape_only;  // read the header and the orientation, and leave the raster's bytes empty
  bool whole;       // `bytes` are the whole file, not only its beginning
};

Raster decode_png(const DecodeTask& task);
Raster decode_jpeg(const DecodeTask& task);
Raster decode_webp(const DecodeTask& task);

/// Throws a DecodeError unless 1 <= height * width <= max_pixels. Called before memory for pixels is allocated.
void check_pixels(int64_t height, int64_t width, int64_t max_pixels);

}  // namespace fqgan
