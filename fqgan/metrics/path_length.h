// Perceptual path length (Karras et al. 2019, section 4.1; Karras et al. 2020): how much an image changes for a small
// step of its latent. Matches the arithmetic of torch-fidelity's metric_ppl.py on given distances.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/core/fields.h"
#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {

inline constexpr double path_epsilon = 1e-4;  // length of the step

struct PathLengthOptions : Options {
  std::string sampling = "full";
  void fields(FieldVisitor& visit) override;
};

/// The squared Euclidean distance of each row of `a` to the same row of `b`, float64 N, computed in float64. Features
/// N x D of any floating type. If their values x have float32 rounding errors of 1e-7 |x|, a length is too large by
/// about 2 (1e-7 |x| / epsilon)^2, which is 2e-6 |x|^2.
at::Tensor squared_distances(const at::Tensor& a, const at::Tensor& b);

/// distances: N, the perceptual distances of image pairs that are one step apart. Each is divided by epsilon^2. Lengths
/// below the 1st and above the 99th percentile are dropped: below the largest one at or under the 1st percentile
/// (numpy.percentile with method="lower"), and above the smallest one at or over the 99th ("higher").
/// Errors: UserError for shapes, no distances, NaN or infinity.
MeanAndStd path_length(const at::Tensor& distances, double epsilon = path_epsilon);

}  // namespace fqgan
