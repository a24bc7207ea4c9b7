// A generator of the improved family made ready for drawing images: unconditional, uniform latents.
#pragma once

#include "fqgan/models/improved/networks.h"

namespace fqgan {

LatentSpace improved_latents(const ImprovedOptions& options);

/// A copy of `source`; where it has virtual batch normalization, with the moments of the reference batch under these
/// weights.
Generator open_improved_generator(const ImprovedOptions& options, const DataInfo& data, const ImprovedGenerator& source,
                                  const Numerics& numerics);

}  // namespace fqgan
