// The test split that belongs to training data, where there is one.
#pragma once

#include <memory>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// All images of a split, whatever part of it a training takes: without limit, labels_per_class, part and flip.
DataOptions whole_split(DataOptions options, const std::string& split);

/// Null where the source of `options` has no test split; a line in the log says so where its files were looked for.
/// Errors: as open_dataset, for a test split that is there.
std::unique_ptr<Dataset> open_test_split(const DataOptions& options);

}  // namespace fqgan
