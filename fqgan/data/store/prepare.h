// From a source's images to pixels of one size: what they are, what they become, and the decoding of all of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fqgan/data/images/fit.h"
#include "fqgan/data/selection.h"

namespace fqgan {

/// Position in the selection -> why this image cannot be read.
using Unreadable = std::map<int64_t, std::string>;

/// The shapes of the images as they are, from their headers; what cannot be read is added to `unreadable`.
std::vector<RasterShape> shapes_of(const Source& source, const Selection& selection, Unreadable& unreadable);

/// The shape that every image takes: from the options, else what the images have in common. Reads the images' headers;
/// what cannot be read is added to `unreadable`. Errors: UserError (mixed sizes without a resolution).
RasterShape common_shape(const Source& source, const Selection& selection, const DataOptions& options,
                         Unreadable& unreadable);

/// One image as the data set holds it. Errors: DecodeError.
Raster prepared(const Source& source, int64_t entry, const RasterShape& shape, const DataOptions& options);

/// Names unreadable images in the log, once, up to 20 of them. Errors: UserError with `strict`, and when none is left.
void report(const Unreadable& unreadable, const Source& source, const Selection& selection, const DataOptions& options);

}  // namespace fqgan
