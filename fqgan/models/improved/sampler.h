// Images of the improved family's generator: unconditional, uniform latents, the stored statistics of its batch norm.
#pragma once

#include "fqgan/models/improved/dense.h"

namespace fqgan {

std::unique_ptr<Sampler> improved_sampler(const DenseGenerator& generator, int64_t latent, const Numerics& numerics,
                                          const SampleOptions& request);

}  // namespace fqgan
