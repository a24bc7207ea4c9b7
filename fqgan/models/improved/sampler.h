// Images of the improved family's generator: unconditional, uniform latents, the stored statistics of its norms.
#pragma once

#include "fqgan/models/improved/networks.h"

namespace fqgan {

/// Draws from a copy of `generator`. Errors: UserError for classes or a truncation, which it has not, and for latents
/// of another width.
std::unique_ptr<Sampler> improved_sampler(const ImprovedOptions& options, const ImprovedGenerator& generator,
                                          const DataInfo& data, const Numerics& numerics, const SampleOptions& request);

}  // namespace fqgan
