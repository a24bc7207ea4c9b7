// The orientation by which a camera records how it was held, read as Pillow's ImageOps.exif_transpose reads it.
#pragma once

#include <string>
#include <string_view>

#include "fqgan/data/images/raster.h"

namespace fqgan {

/// What an image file says about itself. Empty: nothing.
struct Metadata {
  std::string exif;  // a TIFF header and directory; it may begin with "Exif\0\0"
  std::string xmp;   // XML
};

/// The orientation, 1 to 8: from the EXIF data, else from XMP. 1 (upright) if there is none, or none that is valid.
int orientation_of(const Metadata& metadata);

/// Rotates or mirrors an image to be upright.
Raster upright(Raster image, int orientation);
/// The shape of the upright image.
RasterShape upright(RasterShape shape, int orientation);

}  // namespace fqgan
