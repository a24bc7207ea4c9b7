// Latents on paths between the latents of neighbouring images, for films and for rows of images.
#pragma once

#include "fqgan/inference/latent_sampler.h"

namespace fqgan {

/// Rows of a and b: N x Z, float64; t: N x 1 in [0, 1] -> the points at t on the great circles from a to b (spherical
/// interpolation). The length of a row changes with the sines too; rows of one direction are joined by a straight line.
torch::Tensor on_great_circle(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& t);

struct Interpolation {
  bool in_w = false;   // straight lines in w. Else great circles in z, or straight lines for uniform latents
  int64_t steps = 30;  // points on each path, at least 2
  bool closed = true;  // with a path from the last image to the first, and each path without its end; else all paths
                       // have both ends
};

/// Options for LatentSampler::images that draw the points of all paths. `ends`: what would draw the images at the ends,
/// `count` of them. In z, all points have the first class of `ends`, because a generator takes one class at a time.
SampleOptions interpolated(const LatentSampler& sampler, const SampleOptions& ends, int64_t count,
                           const Interpolation& interpolation);

}  // namespace fqgan
