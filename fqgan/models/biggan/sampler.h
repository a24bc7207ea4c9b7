// Draws images from a BigGAN generator.
#pragma once

#include "fqgan/models/biggan/generator.h"

namespace fqgan {

/// Works on a copy of `generator`, so that standing statistics (options.average.standing_images) leave it as it is.
std::unique_ptr<Sampler> biggan_sampler(const BigGanOptions& options, const BigGanPlan& plan,
                                        const BigGanGenerator& generator, const Numerics& numerics,
                                        const SampleOptions& request);

}  // namespace fqgan
