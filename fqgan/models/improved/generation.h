// Prepares a generator of the improved family for sampling: unconditional, uniform latents.
#pragma once

#include "fqgan/models/improved/networks.h"

namespace fqgan {

LatentSpace improved_latents(const ImprovedOptions& options);

/// Works on a copy of `source`; with virtual batch normalization it computes the moments of the reference batch under
/// these weights.
Generator open_improved_generator(const ImprovedOptions& options, const DataInfo& data, const ImprovedGenerator& source,
                                  const Numerics& numerics);

}  // namespace fqgan
