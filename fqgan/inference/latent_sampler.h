// Samples images from latents, for all families. Image i is a function of (seed, i), for any number of images and any
// chunks. The sampler keeps the prepared generator between calls, so that it can be called many times per second.
#pragma once

#include "fqgan/inference/sampler.h"

namespace fqgan {

/// Errors: UserError for options that a generator with this latent space does not have.
void check_drawing(const LatentSpace& space, const SampleOptions& options);

class LatentSampler {
 public:
  LatentSampler(Generator generator, const Numerics& numerics)
      : generator_(std::move(generator)), numerics_(numerics) {}

  const LatentSpace& space() const { return generator_.space; }
  const Generator& generator() const { return generator_; }
  /// The inputs of images [first, first + count), on the device, in the parameters' type.
  Latents latents(const SampleOptions& options, int64_t first, int64_t count) const;
  /// The w of images [0, count), truncated: N x W, or N x layers x W with a cutoff. Needs a mapping network.
  torch::Tensor styles(const SampleOptions& options, int64_t count) const;
  /// Images [first, first + count). Errors: UserError if there are fewer given latents.
  SampledImages images(const SampleOptions& options, int64_t first, int64_t count) const;
  /// The images of these latents. z: N x Z, any floating type; labels: int64 N, undefined without classes -> float32
  /// N x C x H x W in [-1, 1] on the CPU. Errors: UserError for wrong shapes, classes or truncation.
  torch::Tensor images(const torch::Tensor& z, const torch::Tensor& labels, std::optional<double> truncation,
                       NoiseMode noise = NoiseMode::random) const;

 private:
  SampledImages pass_of(const SampleOptions& options, int64_t first, int64_t count) const;  // one pass of the generator
  torch::Tensor drawn(const SampleOptions& options, int64_t first, int64_t count) const;
  torch::Tensor labels(const SampleOptions& options, int64_t first, int64_t count) const;

  Generator generator_;
  Numerics numerics_;
};

}  // namespace fqgan
