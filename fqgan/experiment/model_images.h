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

/// Reads one image file as data_of_model's options say: uint8 C x H x W. Errors: UserError for a file that is missing
/// or is no image.
at::Tensor read_model_image(const std::string& path, const DataOptions& options);

}  // namespace fqgan
