// Estimates, before a training starts, how much memory and time it will take.
#pragma once

#include "fqgan/experiment/recipe.h"

namespace fqgan {

struct StepEstimate {
  double memory;   // bytes, of networks, optimizers and the tensors of an iteration
  double seconds;  // per iteration
};

/// Counts an iteration of the recipe without computing it (profiling/step_count.h). The seconds are those of its matrix
/// products and of its memory traffic at the rates that this machine reaches just now: of the right order, no promise.
StepEstimate estimate_step(const Recipe& recipe, const DataInfos& data, const Numerics& numerics);

/// Logs the estimates for the iterations of the recipe that are left after `trained` ones, if any are. If the memory is
/// not enough, a warning names a batch that fits.
void log_estimate(Recipe& recipe, const DataInfos& data, const Numerics& numerics, int64_t trained);

}  // namespace fqgan
