// Averaged networks: parameters and floating buffers follow by momentum (BigGAN-PyTorch's utils.ema averages its whole
// state), counters are copied.
#pragma once

#include "fqgan/models/family.h"

namespace fqgan {

/// One update of `average` towards `source`, after iteration `iteration` (counted from zero).
void update_average(const AverageSpec& average, const torch::nn::Module& source, int64_t iteration);

}  // namespace fqgan
