// From a source's images to pixels of one size: what they are, what they become, and the decoding of all of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fqgan/data/images/fit.h"
#include "fqgan/data/sources/source.h"

namespace fqgan {

/// Entry of the source -> why this image cannot be read.
using Unreadable = std::map<int64_t, std::string>;

/// The shapes of the source's first `images` images as they are, from their headers; what cannot be read is added to
/// `unreadable`.
std::vector<RasterShape> shapes_of(const Source& source, int64_t images, Unreadable& unreadable);

/// The shape that each of them takes: from the options, else what they have in common. Reads the images' headers; what
/// cannot be read is added to `unreadable`. Errors: UserError (mixed sizes without a resolution).
RasterShape common_shape(const Source& source, int64_t images, const DataOptions& options, Unreadable& unreadable);

/// One image as the data set holds it. Errors: DecodeError.
Raster prepared(const Source& source, int64_t entry, const RasterShape& shape, const DataOptions& options);

/// Names unreadable images in the log, once, up to 20 of them. Errors: UserError with `strict`, and when none is left.
void report(const Unreadable& unreadable, const Source& source, int64_t images, const DataOptions& options);

}  // namespace fqgan
