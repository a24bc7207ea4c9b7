// Brings the images of a source to one shape: finds their shapes, chooses the common one, and decodes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fqgan/data/images/fit.h"
#include "fqgan/data/sources/source.h"

namespace fqgan {

/// Entries of the source that cannot be read, with the reason.
using Unreadable = std::map<int64_t, std::string>;

/// The original shapes of the source's images, from their headers. Adds to `unreadable`.
std::vector<RasterShape> shapes_of(const Source& source, Unreadable& unreadable);

/// The shape of the decoded images: from the options, else the one they have in common. Reads the images' headers and
/// adds to `unreadable`. Errors: UserError (mixed sizes without a resolution).
RasterShape common_shape(const Source& source, const DataOptions& options, Unreadable& unreadable);

/// What was done to an image when it was prepared: bits.
enum Change : uint8_t { change_reshaped = 1, change_small = 2, change_transparent = 4 };

struct Prepared {
  Raster image;
  uint8_t changes = 0;
};

/// Decodes one image and brings it to the data set's shape. Errors: DecodeError.
Prepared prepared(const Source& source, int64_t entry, const RasterShape& shape, const DataOptions& options);

/// Logs the names of unreadable images, up to 20. Errors: UserError with `strict`, and when no image is readable.
void report(const Unreadable& unreadable, const Source& source, const DataOptions& options);

}  // namespace fqgan
