#include "fqgan/inference/seed_latents.h"

#include "fqgan/core/numpy_random.h"

namespace fqgan {

torch::Tensor latents_of_seeds(const std::vector<int64_t>& seeds, const LatentSpace& space) {
  auto latents = torch::empty({std::ssize(seeds), space.width}, torch::kFloat);
  auto* value = latents.mutable_data_ptr<float>();
  for (const auto seed : seeds) {
    NumpyRandom random(static_cast<uint32_t>(seed));
    for (int64_t i = 0; i < space.width; ++i)
      *value++ = static_cast<float>(space.law == LatentLaw::normal ? random.normal() : random.uniform());
  }
  return latents;
}

}  // namespace fqgan
