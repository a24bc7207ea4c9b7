// How a StyleGAN2 generator draws: its latent space, and the prepared copy of the network.
#pragma once

#include "fqgan/models/stylegan2/generator.h"

namespace fqgan {

LatentSpace stylegan2_latents(const StyleGan2Plan& plan);

Generator open_stylegan2_generator(const StyleGan2Options& options, const StyleGan2Generator& source,
                                   const Numerics& numerics);

}  // namespace fqgan
