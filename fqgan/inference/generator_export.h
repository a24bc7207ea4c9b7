// Exports a trained generator as a TorchScript file that gives the images of `fqgan sample`, in float32, with spectral
// normalization folded into the weights and the normalization statistics of sampling. A generator with a mapping
// network can also be exported in two parts.
//   whole      z: N x Z float32 | class: N int64, if there are classes | truncation or psi, unless its value is fixed
//              -> images: N x C x H x W float32 in [-1, 1]
//   mapping    the same inputs -> w: N x layers x W float32
//   synthesis  w -> images
//   truncation: a scalar, if latent values beyond it are drawn again; above 10: none
//   psi: a scalar, if w is moved towards its mean; 1: none
#pragma once

#include <optional>
#include <string>

#include "fqgan/inference/torchscript_export.h"
#include "fqgan/models/family.h"

namespace fqgan {

enum class GeneratorPart { whole, mapping, synthesis };

struct GeneratorExport {
  Weights weights = Weights::average;
  GeneratorPart part = GeneratorPart::whole;
  std::optional<double> truncation;       // fixed in the file instead of an input
  NoiseMode noise = NoiseMode::constant;  // of the synthesis: the layers' own noise, or none; not random
  std::string description;                // JSON object for the file
};

/// Traced::difference compares 31 images (or w) with the program's. Errors: UserError for a family without a generator,
/// and for a part or a truncation that it does not have; InternalError for images that differ.
Traced trace_generator(const Family& family, const GeneratorExport& options);

}  // namespace fqgan
