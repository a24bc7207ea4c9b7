// Pairs of images whose latents are a small step apart on a path between two latents (Karras et al. 2019, section 4.1).
#pragma once

#include "fqgan/inference/latent_sampler.h"

namespace fqgan {

struct StepOptions {
  double length = 1e-4;       // of the step, where the whole path has the length 1
  bool at_the_start = false;  // of the path; false: anywhere on it
};

/// The path is the straight line in w if there is a mapping network. Else it is the great circle (spherical
/// interpolation) in z, or the straight line for uniform latents, which have no sphere. Both images of a pair have the
/// same class and noise. Pair i is a function of the seed and i: its ends are the latents of the images 2 i and 2 i +
/// 1, its class and noise are those of image i. Points of the path are computed in float64. The generator computes in
/// float32 where the family computes in bfloat16, whose rounding is larger than the change of the images.
class LatentSteps {
 public:
  /// Pairs 0 to count - 1. Errors: UserError as check_sampling.
  LatentSteps(const Family& family, const SampleOptions& options, int64_t count, const StepOptions& step);

  struct Pairs {
    torch::Tensor before, after;  // float32 N x C x H x W in [-1, 1], on the CPU
  };
  Pairs images(int64_t first, int64_t count) const;

 private:
  LatentSampler sampler_;
  SampleOptions before_, after_;
};

}  // namespace fqgan
