// Images of several sizes that keep them, for measuring: feature extractors resize each image by itself, as clean-fid,
// pytorch-fid and torch-fidelity do.
#pragma once

#include <memory>
#include <string>

#include "fqgan/data/selection.h"

namespace fqgan {

/// The images of the selection, each of its own height and width; info() has neither (0). They are decoded when they
/// are read, and changes() counts those that were read. key: Dataset::key(). Errors: UserError as report(), and for an
/// image that cannot be decoded.
std::shared_ptr<const Dataset> images_of_own_sizes(std::shared_ptr<const Source> source, const Selection& selection,
                                                   const DataOptions& options, const std::string& key);

}  // namespace fqgan
