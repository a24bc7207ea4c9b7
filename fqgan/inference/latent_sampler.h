// The one latent sampler of all families: image i is a function of (seed, i), however many are drawn and in whatever
// chunks. It keeps its network and its statistics between calls, so that one can be asked many times a second.
#pragma once

#include "fqgan/inference/sampler.h"

namespace fqgan {

/// Errors: UserError for what a generator of this space cannot draw.
void check_drawing(const LatentSpace& space, const SampleOptions& options);

class LatentSampler {
 public:
  LatentSampler(Generator generator, const Numerics& numerics)
      : generator_(std::move(generator)), numerics_(numerics) {}

  const LatentSpace& space() const { return generator_.space; }
  /// What images [first, first + count) are made from, on the device, in the parameters' type.
  Latents latents(const SampleOptions& options, int64_t first, int64_t count) const;
  /// Those images. Errors: UserError when there are fewer given latents.
  SampledImages images(const SampleOptions& options, int64_t first, int64_t count) const;
  /// The images of these latents: z N x Z, any floating type; labels int64 N, undefined where there are no classes ->
  /// float32 N x C x H x W in [-1, 1] on the CPU. Errors: UserError for shapes, classes or a truncation that do not
  /// fit.
  torch::Tensor images(const torch::Tensor& z, const torch::Tensor& labels, std::optional<double> truncation,
                       NoiseMode noise = NoiseMode::random) const;

 private:
  torch::Tensor drawn(const SampleOptions& options, int64_t first, int64_t count) const;
  torch::Tensor labels(const SampleOptions& options, int64_t first, int64_t count) const;

  Generator generator_;
  Numerics numerics_;
};

}  // namespace fqgan
