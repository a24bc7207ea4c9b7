// The data options by which a trained model reads other images: as its recipe reads them, at the size of its training.
#pragma once

#include <string>
#include <vector>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/data/dataset.h"

namespace fqgan {

/// The table [data] of the recipe in the checkpoint (or the defaults), changed to use all images, with the size and
/// channels of `trained`; the caller sets the path. set: the user's overrides, which come last. Errors: UserError as
/// read_options.
DataOptions data_of_model(const Checkpoint& checkpoint, const std::string& where, const DataInfo& trained,
                          const std::vector<std::string>& set);

}  // namespace fqgan
