// Precision and recall (Kynkaanniemi et al. 2019) and density and coverage (Naeem et al. 2020) from k-nearest-neighbour
// balls. Matches torch-fidelity's prc and the package prdc, with distances in float64.
// A low-precision matrix product screens the distances; the pairs that its error bound leaves undecided are decided by
// their float64 distance. The counts are therefore exact, for any number of threads and any processor.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <limits>

namespace fqgan {

/// A point is inside a ball if distance <= radius, or distance < radius (strict). The radius of a point is its distance
/// to its k-th nearest neighbour in its own set without itself; equal points count, at distance 0.
struct NeighbourConvention {
  int64_t neighbours;
  bool strict;
  int64_t fewest_images() const {
    return std::min(neighbours, std::numeric_limits<int64_t>::max() - 1) + 1;
  }  // of each side
};
inline constexpr NeighbourConvention precision_recall_convention{3, false};  // Kynkaanniemi et al.; torch-fidelity
inline constexpr NeighbourConvention prdc_convention{5, true};               // Naeem et al., all four of their metrics

struct NeighbourCounts {
  int64_t real = 0, fake = 0, neighbours = 0;
  int64_t fakes_in_a_real_ball = 0;  // fakes inside the ball of at least one real
  int64_t reals_in_a_fake_ball = 0;  // reals inside the ball of at least one fake
  int64_t pairs_in_real_balls = 0;   // pairs with the fake inside the real's ball
  int64_t real_balls_with_a_fake = 0;
  int64_t empty_real_balls = 0;  // radius 0 with a strict convention: more than k equal reals

  double precision() const { return static_cast<double>(fakes_in_a_real_ball) / static_cast<double>(fake); }
  double recall() const { return static_cast<double>(reals_in_a_fake_ball) / static_cast<double>(real); }
  /// Not bounded by 1.
  double density() const { return static_cast<double>(pairs_in_real_balls) / static_cast<double>(neighbours * fake); }
  double coverage() const { return static_cast<double>(real_balls_with_a_fake) / static_cast<double>(real); }
};

/// real: N x D, fake: M x D, any floating type. Needs memory for copies of the features in bfloat16 (float32 on a
/// processor without bfloat16 products) and a few tiles, never N x M.
/// Errors: UserError for shapes, NaN or infinity, k < 1, and for fewer than k + 1 images on a side.
NeighbourCounts neighbour_counts(const at::Tensor& real, const at::Tensor& fake, NeighbourConvention convention);

/// features: N x D -> N float64, the squared distance of each point to its k-th nearest neighbour. Errors as above.
at::Tensor squared_radii(const at::Tensor& features, int64_t neighbours);

}  // namespace fqgan
