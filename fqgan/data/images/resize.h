// Antialiased resizing that agrees with Pillow's `Image.resize` (bicubic a = -0.5, Lanczos with three lobes):
// separable, 22-bit fixed-point weights, and rounding to 8 bits between the two passes. Which pass comes first shows
// only where the first one clips; it is Pillow 13's choice (older versions always began with the columns).
#pragma once

#include "fqgan/data/images/raster.h"

namespace fqgan {

enum class ResizeFilter { bicubic, lanczos };

/// Every pixel within 1 of 255 of Pillow's. RGBA is premultiplied first, so that invisible colours do not bleed.
Raster resize(const Raster& image, int64_t height, int64_t width, ResizeFilter filter);

}  // namespace fqgan
