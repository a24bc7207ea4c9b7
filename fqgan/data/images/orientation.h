// The EXIF orientation, by which a camera records how it was held.
#pragma once

#include <string_view>

#include "fqgan/data/images/raster.h"

namespace fqgan {

/// The orientation, 1 to 8, from an EXIF block ("Exif\0\0" and a TIFF header); 0 if there is no valid one.
int exif_orientation(std::string_view exif);

/// Rotates or mirrors an image to be upright.
Raster upright(Raster image, int orientation);

}  // namespace fqgan
