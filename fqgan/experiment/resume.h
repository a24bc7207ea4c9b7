// Continues a run: finds its checkpoint, and refuses what would continue another training.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fqgan/experiment/assembly.h"
#include "fqgan/inference/checkpoints.h"

namespace fqgan {

/// The newest checkpoint of a run. Unset: the run stopped before its first one, so that it begins again. Errors:
/// UserError for a checkpoint of another layout, and for a run that has lost its checkpoints.
std::optional<NamedCheckpoint> checkpoint_to_resume(const RunFolder& run);

/// The recipe of a run with overrides of length, intervals, device, threads and paths (of what was moved). data: the
/// new place of the images, or empty. Errors: UserError for any other change, also in a recipe that was edited since
/// the checkpoint.
std::unique_ptr<Recipe> recipe_to_resume(const RunFolder& run, const std::optional<NamedCheckpoint>& checkpoint,
                                         const std::vector<std::string>& set, const std::string& data);

/// Compares the data with that of the checkpoint, and says when the same bits cannot be expected. Errors: UserError if
/// the classes have other names, because the labels would mean something else.
void check_data_to_resume(const NamedCheckpoint& found, const TrainingSets& sets);

}  // namespace fqgan
