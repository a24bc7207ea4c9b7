// How a family's images are made wherever a recipe or a command asks for some: sample grids, evaluation, sampling.
#pragma once

#include "fqgan/core/fields.h"
#include "fqgan/inference/sampler.h"

namespace fqgan {

struct GenerationOptions : Options {
  std::string weights = "average";   // or "raw"
  std::optional<double> truncation;  // unset: none
  std::string direction;             // of a translator; "": its first
  void fields(FieldVisitor& visit) override;
  /// These, with the seed.
  SampleOptions sampling(uint64_t seed) const;
};

}  // namespace fqgan
