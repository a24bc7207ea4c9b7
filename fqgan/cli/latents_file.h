// The file of --latents.
#pragma once

#include <string>

#include "fqgan/inference/sampler.h"

namespace fqgan {

/// Reads a safetensors file with `z` (N x Z) and optionally classes `y` (N), or with `w` (N x W, or N x layers x W)
/// alone, into the options. Errors: UserError for another shape or type, and for numbers that are not finite.
void read_latents(const std::string& path, SampleOptions& options);

}  // namespace fqgan
