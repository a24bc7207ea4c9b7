// Prepares a BigGAN generator for sampling.
#pragma once

#include "fqgan/models/biggan/generator.h"

namespace fqgan {

LatentSpace biggan_latents(const BigGanPlan& plan);

/// Works on a copy of `source`, because it collects statistics: standing statistics over
/// options.average.standing_images images, or the moments of virtual batch normalization's reference batch.
Generator open_biggan_generator(const BigGanOptions& options, const BigGanPlan& plan, const BigGanGenerator& source,
                                const Numerics& numerics);

}  // namespace fqgan
