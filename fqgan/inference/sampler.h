// Images one after another from any family: drawn from latents, or translated from source images.
#pragma once

#include <memory>
#include <string>

#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct SampleOptions {
  Weights weights = Weights::average;
  // From latents:
  uint64_t seed = 0;                 // image i is a function of the seed and i
  std::vector<int64_t> labels;       // the class of each image, repeated as needed; empty: drawn uniformly
  std::optional<double> truncation;  // as the family's LatentSpace::truncation says; unset: none
  torch::Tensor latents, mapped;     // N x Z, or w (N x W), instead of drawn ones; undefined: drawn
  NoiseMode noise = NoiseMode::random;
  // From images:
  const Dataset* source = nullptr;  // they must outlive the sampler
  std::string direction;            // "": the first
};

struct SampledImages {
  torch::Tensor pixels, labels;  // float32 N x C x H x W in [-1, 1]; int64 N or undefined
};

struct Sampler {
  virtual ~Sampler() = default;
  /// The next images. Errors: UserError when given latents or source images are used up.
  virtual SampledImages next(int64_t count) = 0;
};

/// The direction of this name; "": the first. Errors: UserError that lists them.
const Direction& direction_named(const TranslatorAccess& translator, const std::string& name);

/// What open_sampler refuses, without opening anything: for whoever has long work before it. Errors: as open_sampler.
void check_sampling(const Family& family, const SampleOptions& options);

/// Works on copies of the networks: the family is only read, and must outlive the sampler. Errors: UserError for a
/// class out of range, latents of another width, a truncation that this generator has not, a family that makes no
/// images, source images that a translator lacks or that a generator does not take, an unknown direction.
std::unique_ptr<Sampler> open_sampler(const Family& family, const SampleOptions& options);

}  // namespace fqgan
