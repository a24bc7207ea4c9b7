// What one training is made of, put together from its recipe: data sets, family, evaluation, and the loop's options and
// observers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/experiment/evaluation.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/run/run_folder.h"
#include "fqgan/training/loop.h"

namespace fqgan {

struct Assembly {
  std::unique_ptr<Recipe> recipe;
  std::unique_ptr<TrainingSets> sets;
  std::unique_ptr<Family> family;
  std::unique_ptr<TrainingEvaluator> evaluator;  // null: without evaluation
};

/// Whether networks get the initial weights of the recipe's seed, or zeros where a checkpoint replaces them or a dry
/// run ends before they are used: initial weights of the largest networks take a minute.
enum class InitialWeights { drawn, zero };

/// Starts computing (experiment/compute.h), opens the data, builds the networks, and logs what there is and what the
/// training is estimated to take. Errors: UserError for whatever in the recipe does not fit.
Assembly assemble(std::unique_ptr<Recipe> recipe, InitialWeights weights);

/// Starts computing, and writes what "auto" and unset came to into the recipe: the bits depend on it, and a resume
/// elsewhere keeps it.
Numerics start_computing(Recipe& recipe);

/// For a loop that trains this recipe, writing nothing: what a checkpoint must know stands in its metadata.
LoopOptions loop_options(Recipe& recipe, const TrainingSets& sets, const Family& family);
/// For a loop over `parts` that writes into `folder`.
LoopOptions loop_options(const Assembly& parts, const RunFolder& folder);

/// Trains to the end or until a signal, with all of the run folder's observers. Returns the program's exit code.
int run_training(const Assembly& parts, const RunFolder& folder, Loop& loop);

/// Recipes and checkpoints are UTF-8. Errors: UserError for other texts, which would be noticed at the first save only.
void refuse_bad_text(const std::string& key, const std::vector<std::string>& texts);

}  // namespace fqgan
