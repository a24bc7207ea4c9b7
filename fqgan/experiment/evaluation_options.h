// How a training evaluates its model: the table [evaluation] of a recipe.
#pragma once

#include "fqgan/inference/generation_options.h"
#include "fqgan/metrics/evaluate.h"

namespace fqgan {

struct EvaluationOptions : Options {
  int64_t every = 0;
  int64_t count = 10'000;
  int64_t seed = 0;
  std::vector<std::string> metrics = {"fid"};
  std::string features = "classifier";
  std::optional<std::string> against;
  std::optional<std::string> keep_best;
  GenerationOptions generation;  // fields of this table
  MetricOptions settings;        // fields of this table
  void fields(FieldVisitor& visit) override;
};

}  // namespace fqgan
