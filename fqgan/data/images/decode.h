// Image bytes to rasters. The format is recognised by content, never by the file's name.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "fqgan/data/images/raster.h"

namespace fqgan {

/// Why an image cannot be read; callers add the file's name.
struct DecodeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Images with more pixels are refused as decompression bombs.
inline constexpr int64_t default_max_pixels = 100'000'000;

/// Decodes PNG (any depth, palette, transparency), JPEG (gray, colour, CMYK) or WebP to gray, RGB or RGBA of 8 bits;
/// gray with alpha becomes RGBA. The image is turned upright by its EXIF orientation. Errors: DecodeError.
Raster decode_raster(std::string_view bytes, int64_t max_pixels = default_max_pixels);
/// The shape of decode_raster's result, without decoding. `whole`: whether `bytes` are the whole file; the beginning is
/// enough for most. Errors: DecodeError.
RasterShape probe_raster(std::string_view bytes, int64_t max_pixels = default_max_pixels, bool whole = true);

/// Whether the first 12 bytes of a file are those of a PNG, JPEG or WebP image.
bool begins_as_image(std::string_view bytes);
/// Whether files with this extension are PNG, JPEG or WebP images: ".png", ".jpg", ".jfif", ".webp" and others, in any
/// case.
bool has_image_extension(std::string_view name);

}  // namespace fqgan
