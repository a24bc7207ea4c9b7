// A BigGAN generator made ready for drawing images.
#pragma once

#include "fqgan/models/biggan/generator.h"

namespace fqgan {

LatentSpace biggan_latents(const BigGanPlan& plan);

/// A copy of `source`, so that the statistics that are collected for it (standing statistics over
/// options.average.standing_images, the moments of virtual batch normalization's reference) leave the source as it is.
Generator open_biggan_generator(const BigGanOptions& options, const BigGanPlan& plan, const BigGanGenerator& source,
                                const Numerics& numerics);

}  // namespace fqgan
