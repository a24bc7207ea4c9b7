// Brings the images of a source to one shape: finds their shapes, chooses the common one, and decodes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/data/images/fit.h"
#include "fqgan/data/sources/source.h"

namespace fqgan {

/// Entries of the source that cannot be read, with the reason.
using Unreadable = std::map<int64_t, std::string>;

/// The original shapes of the source's images, from their headers. Adds to `unreadable`.
std::vector<RasterShape> shapes_of(const Source& source, Unreadable& unreadable);

/// Images of mixed sizes without data.resolution.
struct MixedSizes : UserError {
  using UserError::UserError;
};

/// The number of channels of the decoded images: from the options, else the largest of these shapes.
int64_t common_channels(const std::vector<RasterShape>& shapes, const DataOptions& options);

/// The shape of the decoded images: from the options, else the one they have in common. Reads the images' headers and
/// adds to `unreadable`. Errors: MixedSizes.
RasterShape common_shape(const Source& source, const DataOptions& options, Unreadable& unreadable);

/// What was done to an image when it was prepared: bits.
enum Change : uint8_t { change_reshaped = 1, change_small = 2, change_transparent = 4, change_large = 8 };
/// Counts the images with each change.
Changes counted(const std::vector<uint8_t>& changes);

struct Prepared {
  Raster image;
  uint8_t changes = 0;
};

/// Decodes one image and brings it to the data set's shape. Errors: DecodeError.
Prepared prepared(const Source& source, int64_t entry, const RasterShape& shape, const DataOptions& options);

/// Logs the names of unreadable images, up to 20. Errors: UserError with `strict`, and when no image is readable.
void report(const Unreadable& unreadable, const Source& source, const DataOptions& options);

}  // namespace fqgan
