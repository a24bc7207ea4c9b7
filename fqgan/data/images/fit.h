// Brings an image of any size to the data set's size: pad, crop or stretch.
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
  uint8_t pad_value = 0;  // for pad; with an alpha channel the border is transparent
};

/// What becomes of an image.
struct FitChanges {
  bool reshaped = false;  // pad: bars beside the image; crop: edges cut off; stretch: other proportions
  bool small = false;     // pad: smaller than the target, and not enlarged; crop, stretch: enlarged
  bool large = false;     // scaled down
};
FitChanges changes_by_fitting(const RasterShape& image, const FitTarget& target);

/// pad: the image is centred on a canvas; a larger one is scaled down first, with its aspect ratio, but never up.
/// crop: the image is scaled to cover the target, and its centre is cut out. stretch: it is scaled to the target.
Raster fitted(Raster image, const FitTarget& options);

}  // namespace fqgan
