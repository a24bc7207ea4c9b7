// Says before a training how much memory it will take, and warns when that is not there.
#pragma once

#include "fqgan/experiment/recipe.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/profiling/memory.h"

namespace fqgan {

/// The memory of a step of this recipe on this data.
StepMemory step_memory(Recipe& recipe, const DataInfos& data, const DatasetsByName& sets, const Numerics& numerics);

/// Logs it for the recipe's batch; a warning names the batch that fits.
void tell_memory(Recipe& recipe, const DataInfos& data, const DatasetsByName& sets, const Numerics& numerics);

}  // namespace fqgan
