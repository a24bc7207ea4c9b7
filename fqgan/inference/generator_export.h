// A trained generator as a TorchScript file that gives the images of `fqgan sample`: float32, spectral norm folded into
// the weights, the statistics that sampling uses.
//   inputs   z: N x Z float32 | class: N int64, where there are classes | truncation: a scalar, where latents can be
//            truncated and no fixed value was given; above 10: none
//   output   images: N x C x H x W float32 in [-1, 1]
#pragma once

#include <optional>
#include <string>

#include "fqgan/inference/torchscript_export.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct GeneratorExport {
  Weights weights = Weights::average;
  std::optional<double> truncation;  // fixed in the file instead of an input
  std::string description;           // JSON object for the file
};

/// Traced::difference is that of 31 images from the sampler's own. Errors: UserError for a family without a generator
/// of images from latents, or a truncation that it does not have; InternalError for images that differ.
Traced trace_generator(const Family& family, const GeneratorExport& options);

}  // namespace fqgan
