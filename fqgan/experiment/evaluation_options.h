// How a training evaluates its model: the table [evaluation] of a recipe.
#pragma once

#include "fqgan/inference/generation_options.h"
#include "fqgan/metrics/evaluate.h"
#include "fqgan/metrics/feature_table.h"

namespace fqgan {

struct EvaluationOptions : Options {
  int64_t every = 0;
  int64_t count = 10'000;
  int64_t seed = 0;
  std::vector<std::string> metrics = {"fid"};
  std::string features = "auto";
  std::optional<std::string> feature_weights, convention;
  std::string feature_precision = "float32";
  std::optional<std::string> against;
  std::optional<std::string> keep_best;
  GenerationOptions generation;  // fields of this table
  MetricOptions settings;        // fields of this table
  void fields(FieldVisitor& visit) override;

  FeatureRequest feature_request() const { return {features, feature_weights, convention, feature_precision}; }
};

}  // namespace fqgan
