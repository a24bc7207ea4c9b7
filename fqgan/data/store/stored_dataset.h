// A data set of which every image is decoded: from a source, into memory or the cache.
#pragma once

#include <memory>

#include "fqgan/data/sources/source.h"

namespace fqgan {

/// The source is only read while this runs. Errors: UserError, as open_dataset.
std::unique_ptr<Dataset> make_dataset(const Source& source, const DataOptions& options);

}  // namespace fqgan
