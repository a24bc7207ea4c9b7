// How a training measures itself: the table [evaluation] of a recipe.
#pragma once

#include "fqgan/inference/generation_options.h"
#include "fqgan/metrics/evaluate.h"

namespace fqgan {

struct EvaluationOptions : Options {
  int64_t every = 0;                           // iterations between evaluations; 0: none
  int64_t count = 10'000;                      // generated images
  int64_t seed = 0;                            // of their latents: the same ones every time
  std::vector<std::string> metrics = {"fid"};  // as in fqgan evaluate --metrics
  std::string features = "classifier";         // or a file
  std::optional<std::string> against;          // images or statistics; unset: the test split, else the training data
  std::optional<std::string> keep_best;        // the metric by which checkpoints/best.safetensors is chosen
  GenerationOptions generation;                // its fields stand in this table
  MetricOptions settings;                      // its fields stand in this table
  void fields(FieldVisitor& visit) override;
};

}  // namespace fqgan
