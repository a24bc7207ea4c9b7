// Exports a trained generator as a TorchScript file that gives the images of `fqgan sample`, in float32, with spectral
// normalization folded into the weights and the normalization statistics of sampling.
//   inputs   z: N x Z float32 | class: N int64, if there are classes | truncation: a scalar, if the generator has a
//            truncation and no fixed value was given; above 10: none
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

/// Traced::difference compares 31 images with the sampler's. Errors: UserError for a family without a generator, or a
/// truncation that it does not have; InternalError for images that differ.
Traced trace_generator(const Family& family, const GeneratorExport& options);

}  // namespace fqgan
