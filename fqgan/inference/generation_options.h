// How images are generated, for sample grids, evaluation and sampling.
#pragma once

#include "fqgan/core/fields.h"
#include "fqgan/inference/sampler.h"

namespace fqgan {

struct GenerationOptions : Options {
  std::string weights = "average";
  std::optional<double> truncation;
  std::string direction;
  void fields(FieldVisitor& visit) override;
  /// These options with a seed, as the sampler takes them.
  SampleOptions sampling(uint64_t seed) const;
};

}  // namespace fqgan
