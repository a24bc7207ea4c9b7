// Perceptual path length (Karras et al. 2019, section 4.1; Karras et al. 2020): how much an image changes for a small
// step of its latent. Matches the arithmetic of torch-fidelity's metric_ppl.py on given distances.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {

inline constexpr double path_epsilon = 1e-4;  // length of the step

/// distances: N, the perceptual distances of image pairs that are one step apart. Each is divided by epsilon^2. Lengths
/// below the 1st and above the 99th percentile are dropped: below the largest one at or under the 1st percentile
/// (numpy.percentile with method="lower"), and above the smallest one at or over the 99th ("higher").
/// Errors: UserError for shapes, no distances, NaN or infinity.
MeanAndStd path_length(const at::Tensor& distances, double epsilon = path_epsilon);

}  // namespace fqgan
