// Averaged networks (AverageSpec in models/family.h): how much of itself an average keeps in an iteration, and the
// update.
#pragma once

#include "fqgan/models/family.h"

namespace fqgan {

/// An iteration that has just been made.
struct AverageTime {
  int64_t iteration;        // counted from zero
  int64_t images = 0;       // real images that it took, of all streams
  int64_t images_seen = 0;  // the same, of all iterations before it
};

/// What the average keeps of itself, 0 to 1 (0: it becomes a copy). With a half-life as stylegan2-ada-pytorch's
/// training_loop: 0.5 ** (images / max(min(half_life, images_seen * half_life_ramp), 1e-8)).
double average_decay(const AverageSpec& average, const AverageTime& now);

/// One update of `average` towards `source`.
void update_average(const AverageSpec& average, const torch::nn::Module& source, const AverageTime& now);

}  // namespace fqgan
