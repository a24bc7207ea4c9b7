// How an image of any size becomes the data set's size: pad, crop or stretch.
#pragma once

#include <string>

#include "fqgan/data/images/resize.h"

namespace fqgan {

enum class Fit { pad, crop, stretch };
Fit fit_named(const std::string& name);
ResizeFilter filter_named(const std::string& name);

struct FitTarget {
  int64_t height = 0, width = 0;  // the target, pixels
  Fit fit = Fit::pad;
  ResizeFilter filter = ResizeFilter::bicubic;
  uint8_t pad_value = 0;  // for pad; where there is an alpha channel the border is transparent
};

/// pad: centred on a canvas, scaled down first (keeping its shape) if it is larger, never scaled up.
/// crop: scaled until the target is just covered, then the centre is cut out. stretch: scaled to the target.
Raster fitted(Raster image, const FitTarget& options);

}  // namespace fqgan
