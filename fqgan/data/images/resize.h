// Antialiased resizing that agrees with Pillow's `Image.resize` (bicubic a = -0.5, Lanczos with three lobes):
// separable, 22-bit fixed-point weights, and rounding to 8 bits between the two passes. The order of the passes follows
// Pillow 13 (older versions always began with the columns); it matters only where the first pass clips.
#pragma once

#include "fqgan/data/images/filter_spans.h"
#include "fqgan/data/images/raster.h"

namespace fqgan {

/// Every pixel is within 1 (of 255) of Pillow's. RGBA is premultiplied first, so that invisible colours do not bleed.
Raster resize(const Raster& image, int64_t height, int64_t width, ResizeFilter filter);

}  // namespace fqgan
