// The two sides of `fqgan evaluate`, and the training images, as its flags, its --set options and the recipe of a run
// describe them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fqgan/cli/evaluate_flags.h"
#include "fqgan/experiment/evaluation_side.h"

namespace fqgan {

/// What the sides are.
struct NamedSides {
  NamedSide a;
  std::optional<NamedSide> b;
  std::optional<NamedSide> training;  // unset: those of the recipe of `a`
  bool b_of_recipe = false;           // whether --against is left to the recipe of `a`

  bool generates() const { return a.checkpoint || (b && b->checkpoint); }
  static bool reads_images(const NamedSide& side) { return !side.checkpoint && !side.statistics; }
};

NamedSides look_at_sides(const EvaluateFlags& flags);

/// Refuses options that would have no effect. Errors: UserError.
void refuse_ignored(const EvaluateFlags& flags, const NamedSides& named);

/// Refuses settings of metrics that are not measured. Errors: UserError.
void refuse_other_settings(const std::vector<std::string>& set, const std::vector<std::string>& measured);

/// A run or checkpoint is measured as its training measures it, unless a flag says otherwise: with the same features,
/// metrics, images, precision and threads.
EvaluateFlags with_recipe(EvaluateFlags flags, const Recipe& recipe);

struct Sides {
  Side a;
  std::optional<Side> b;         // unset if only --save-statistics is given, or no metric needs it
  std::optional<Side> training;  // unset if no metric needs it, or if it is unknown
  MetricOptions settings;
  bool b_of_recipe = false;
  torch::Device device{torch::kCPU};

  const SideFacts& facts_against() const { return b ? b->facts : a.facts; }
  const SideFacts* training_facts() const { return training ? &training->facts : nullptr; }
};

/// What the metrics may need besides the first side.
struct Needs {
  bool second, training;
};
/// Errors: UserError for images that cannot be opened, and for one side where two are needed.
Sides open_sides(const EvaluateFlags& flags, NamedSides named, const Numerics& numerics, Needs needs);

}  // namespace fqgan
