#include "fqgan/inference/generation_options.h"

namespace fqgan {

void GenerationOptions::fields(FieldVisitor& visit) {
  visit("weights", weights,
        about("weights of the generator: their moving average, or the trained weights themselves ('raw')")
            .one_of({"average", "raw"})
            .on_resume());
  visit("truncation", truncation,
        about("truncation of the latents: a smaller value gives more typical and less varied images; unset: none")
            .at_least(0)
            .at_most(10)
            .on_resume());
  visit("direction", direction,
        about("direction of an image translation model, such as 'a2b'; empty: its first one").on_resume());
}

SampleOptions GenerationOptions::sampling(uint64_t seed) const {
  SampleOptions options;
  options.weights = weights == "raw" ? Weights::raw : Weights::average;
  options.truncation = truncation;
  options.direction = direction;
  options.seed = seed;
  return options;
}

}  // namespace fqgan
