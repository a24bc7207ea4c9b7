// How a trained model wants to be shown images: as its own recipe reads them, at the size that it was trained on.
#pragma once

#include <string>
#include <vector>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/data/dataset.h"

namespace fqgan {

/// The [data] of the recipe in the checkpoint (defaults where there is none) for other images, whose path the caller
/// sets: all of them, whatever part the training took, of the size and channels of `trained`. set: overrides by the
/// user, which come last. Errors: UserError as read_options.
DataOptions data_of_model(const Checkpoint& checkpoint, const std::string& where, const DataInfo& trained,
                          const std::vector<std::string>& set);

}  // namespace fqgan
