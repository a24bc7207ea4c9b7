// The latents that the tools of stylegan2-ada-pytorch (generate.py, style_mixing.py) draw for a seed.
#pragma once

#include <vector>

#include "fqgan/models/inference.h"

namespace fqgan {

/// z: N x Z float32. Row i is that of seeds[i], from 0 to 2^32 - 1: numpy.random.RandomState(seed).randn(1, Z), or
/// .rand(1, Z) for uniform latents.
torch::Tensor latents_of_seeds(const std::vector<int64_t>& seeds, const LatentSpace& space);

}  // namespace fqgan
