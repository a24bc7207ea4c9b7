// Assembles a training from its recipe: data sets, family, evaluation, and the loop's options and observers.
#pragma once

#include <functional>
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

/// Calls start_computing (experiment/compute.h), opens the data, builds the networks, and logs what there is and what
/// the training is estimated to take. Errors: UserError for a recipe that does not fit the data or the machine.
/// trained: iterations that a checkpoint has done. `check`: looks at the data before networks are built.
Assembly assemble(std::unique_ptr<Recipe> recipe, InitialWeights weights, int64_t trained = 0,
                  const std::function<void(const TrainingSets&)>& check = {});

/// Calls start_computing, and replaces "auto" and unset values in the recipe by the chosen ones, because the results
/// depend on them and a resume on another machine must keep them.
Numerics start_computing(Recipe& recipe);

/// Options of a loop that trains this recipe without writing files; the metadata of checkpoints is set.
LoopOptions loop_options(Recipe& recipe, const TrainingSets& sets, const Family& family);
/// Options of a loop over `parts` that writes into `folder`.
LoopOptions loop_options(const Assembly& parts, const RunFolder& folder);

/// Trains to the end or until a signal, with all of the run folder's observers. Returns the program's exit code.
int run_training(const Assembly& parts, const RunFolder& folder, Loop& loop);

/// Refuses texts that are not UTF-8, which recipes and checkpoints could not hold. Errors: UserError.
void refuse_bad_text(const std::string& key, const std::vector<std::string>& texts);

}  // namespace fqgan
