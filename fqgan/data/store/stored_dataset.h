// The decoded images of a source, in memory or the cache, and data sets as views of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fqgan/data/selection.h"
#include "fqgan/data/store/pixel_store.h"

namespace fqgan {

/// Some entries of a source, decoded to one shape.
struct DecodedImages {
  PixelStore store;
  std::vector<int64_t> entries;  // of each slot of the store; sorted
  std::vector<std::string> names;
  std::vector<Skipped> skipped;
  std::string key;  // from the files and the options that determine the pixels
};

/// Decodes, and logs the names of unreadable images. Uses the source only during the call. Errors: UserError, as
/// open_dataset.
std::shared_ptr<const DecodedImages> decode_images(const Source& source, const std::vector<int64_t>& entries,
                                                   const DataOptions& options);

/// DecodedImages::key, without decoding.
std::string key_of_images(const Source& source, const std::vector<int64_t>& entries, const DataOptions& options);

/// Dataset::key() of view_of, by the keys of its images.
std::string key_of_view(const std::string& images, const std::optional<std::string>& enlarged,
                        const Selection& selection);

/// A data set of the readable images of the selection. `enlarged`: the same images with a margin for random crops, or
/// null. Errors: UserError (no readable image).
std::shared_ptr<const Dataset> view_of(std::shared_ptr<const DecodedImages> images, const Selection& selection,
                                       std::shared_ptr<const DecodedImages> enlarged = nullptr);

/// All three steps, for a source that is used once.
std::shared_ptr<const Dataset> make_dataset(const Source& source, const DataOptions& options);

}  // namespace fqgan
