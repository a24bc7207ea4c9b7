// Averaged networks (AverageSpec in models/family.h): the decay at an iteration, and the update.
#pragma once

#include "fqgan/models/family.h"

namespace fqgan {

/// The iteration that is just complete.
struct AverageTime {
  int64_t iteration;        // counted from zero
  int64_t images = 0;       // real images that it took from all streams
  int64_t images_seen = 0;  // real images of all iterations before it
};

/// The decay, 0 to 1 (0: the average becomes a copy). With a half-life as in stylegan2-ada-pytorch's training_loop:
/// 0.5 ** (images / max(min(half_life, images_seen * half_life_ramp), 1e-8)).
double average_decay(const AverageSpec& average, const AverageTime& now);

/// One update of `average` towards `source`.
void update_average(const AverageSpec& average, const torch::nn::Module& source, const AverageTime& now);

}  // namespace fqgan
