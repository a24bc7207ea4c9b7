// The images of a source decoded, in memory or the cache, and the data sets that are views of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/data/selection.h"
#include "fqgan/data/store/pixel_store.h"

namespace fqgan {

/// The first entries of a source, brought to one shape.
struct DecodedImages {
  PixelStore store;
  std::vector<std::string> names;
  std::vector<Skipped> skipped;
  std::string key;  // of the files, and of the options that the pixels depend on
};

/// Names unreadable images in the log. The source is only read while this runs. Errors: UserError, as open_dataset.
std::shared_ptr<const DecodedImages> decode_images(const Source& source, int64_t images, const DataOptions& options);

/// The images of the selection that can be read. `enlarged`: the same ones with a margin for random crops, or null.
/// Errors: UserError (there are none).
std::shared_ptr<const Dataset> view_of(std::shared_ptr<const DecodedImages> images, const Selection& selection,
                                       std::shared_ptr<const DecodedImages> enlarged = nullptr);

/// How many entries of the source `options` need decoded.
int64_t images_needed(const Source& source, const DataOptions& options);

/// All three, for a source that is used once.
std::shared_ptr<const Dataset> make_dataset(const Source& source, const DataOptions& options);

}  // namespace fqgan
