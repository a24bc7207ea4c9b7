// EXIF orientation: how a camera says that it was held sideways.
#pragma once

#include <string_view>

#include "fqgan/data/images/raster.h"

namespace fqgan {

/// 1..8 from an EXIF block ("Exif\0\0" and a TIFF header); 0 where it says nothing that is valid.
int exif_orientation(std::string_view exif);

/// The image as it should be seen.
Raster upright(Raster image, int orientation);

}  // namespace fqgan
