// Generates images with any family: from latents, or by translation of source images.
#pragma once

#include <memory>
#include <string>

#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct SampleOptions {
  Weights weights = Weights::average;
  // From latents:
  uint64_t seed = 0;            // image i is a function of the seed and i
  std::vector<int64_t> seeds;   // one for each image, which is a function of its seed alone (inference/seed_latents.h);
                                // empty: `seed` decides
  std::vector<int64_t> labels;  // classes of the images, repeated as needed; empty: drawn uniformly
  std::optional<double> truncation;          // of the kind LatentSpace::truncation; unset: none
  std::optional<int64_t> truncation_cutoff;  // only so many first layers are truncated; unset: all
  torch::Tensor latents, mapped;             // given z (N x Z), or w (N x W, N x layers x W); undefined: drawn
  NoiseMode noise = NoiseMode::random;
  // From images:
  const Dataset* source = nullptr;  // must outlive the sampler
  std::string direction;            // "": the first one
};

struct SampledImages {
  torch::Tensor pixels, labels;  // float32 N x C x H x W in [-1, 1]; int64 N or undefined
};

struct Sampler {
  virtual ~Sampler() = default;
  /// Generates the next images. Errors: UserError when given latents or source images are used up.
  virtual SampledImages next(int64_t count) = 0;
};

/// The direction of this name; "": the first one. Errors: UserError that lists the directions.
const Direction& direction_named(const TranslatorAccess& translator, const std::string& name);

/// Checks the options without opening a sampler, for commands with long work before it. Errors: as open_sampler.
void check_sampling(const Family& family, const SampleOptions& options);

/// The sampler works on copies of the networks and does not change the family, which must outlive it. Errors: UserError
/// for a class out of range, latents of another width, a truncation that the generator does not have, a family that
/// generates no images, missing source images of a translator, source images for a generator, an unknown direction.
std::unique_ptr<Sampler> open_sampler(const Family& family, const SampleOptions& options);

}  // namespace fqgan
