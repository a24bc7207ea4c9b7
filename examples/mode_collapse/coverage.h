// The ring of Gaussians, and what a generator has learnt of it.
#pragma once

#include <torch/torch.h>

#include <cmath>

#include "fqgan/core/streams.h"

namespace fqgan::example {

/// `modes` normal distributions of this standard deviation, their centres evenly on a circle.
struct Ring {
  int64_t modes = 8;
  double radius = 2, stddev = 0.02;

  torch::Tensor centres() const {  // modes x 2
    const auto angles = torch::arange(modes) * (2 * M_PI / static_cast<double>(modes));
    return radius * at::stack({angles.cos(), angles.sin()}, 1).to(torch::kFloat);
  }
  /// N x 2 points, each mode as likely.
  torch::Tensor draw(int64_t count, Streams& random) const {
    const auto mode = random.integers(modes, {count}, "modes");
    return centres().index_select(0, mode) + stddev * random.normal({count, 2}, "points");
  }
};

/// By the usual convention (Srivastava et al. 2017; Lin et al. 2018): a point is good when it lies within three
/// standard deviations of a centre; a mode is covered when a good point is its own.
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
