// The ring of Gaussians, and a measure of how much of it a generator has learnt.
#pragma once

#include <torch/torch.h>

#include <cmath>

#include "fqgan/core/streams.h"

namespace fqgan::example {

/// Normal distributions with standard deviation `stddev`. Their centres are evenly spaced on a circle.
struct Ring {
  int64_t modes = 8;
  double radius = 2, stddev = 0.02;

  torch::Tensor centres() const {  // modes x 2
    const auto angles = torch::arange(modes) * (2 * M_PI / static_cast<double>(modes));
    return radius * at::stack({angles.cos(), angles.sin()}, 1).to(torch::kFloat);
  }
  /// Draws N x 2 points. All modes are equally likely.
  torch::Tensor draw(int64_t count, Streams& random) const {
    const auto mode = random.integers(modes, {count}, "modes");
    return centres().index_select(0, mode) + stddev * random.normal({count, 2}, "points");
  }
};

/// The usual convention (Srivastava et al. 2017; Lin et al. 2018): a point is good if it is within three standard
/// deviations of a centre, and a mode is covered if a good point is nearest to its centre.
struct Coverage {
  int64_t modes;  // covered
  double good;    // fraction of the points
};

/// points: N x 2.
inline Coverage coverage(const torch::Tensor& points, const Ring& ring) {
  const auto [distance, mode] = at::cdist(points, ring.centres()).min(1);
  const auto good = distance.le(3 * ring.stddev);
  const auto counts = at::bincount(mode.masked_select(good), {}, ring.modes);
  return {counts.gt(0).sum().item<int64_t>(), good.to(torch::kFloat).mean().item<double>()};
}

}  // namespace fqgan::example
