#include "fqgan/models/improved/generation.h"

#include "fqgan/nn/copy.h"

namespace fqgan {

LatentSpace improved_latents(const ImprovedOptions& options) {
  return {options.generator.latent, 0, LatentLaw::uniform, Truncation::none};
}

Generator open_improved_generator(const ImprovedOptions& options, const DataInfo& data, const ImprovedGenerator& source,
                                  const Numerics& numerics) {
  auto unused = Streams::unused();
  auto generator = make_generator(options, data, unused);
  convert(*generator, numerics.parameters());
  move_to(*generator, numerics.device);
  copy_state(source, *generator);
  if (generator->reference) {
    torch::NoGradGuard no_grad;
    auto pass = numerics.pass(unused);
    pass.standing = 1;
    generator->forward(generator->reference->latents.narrow(0, 0, 1), pass);
  }
  Generator opened{improved_latents(options), generator};
  opened.images = [generator](const Latents& latents, Pass& pass) { return generator->forward(latents.z, pass); };
  return opened;
}

}  // namespace fqgan
