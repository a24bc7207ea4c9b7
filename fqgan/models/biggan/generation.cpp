#include "fqgan/models/biggan/generation.h"

#include <algorithm>

#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

constexpr int64_t standing_batch = 500;          // largest batch while statistics are collected
constexpr int64_t largest_activation = 1 << 26;  // elements; large networks use smaller batches to stay below it
constexpr uint64_t statistics_seed = 0;          // the statistics do not depend on the seed of the images

int64_t standing_images_at_once(const BigGanPlan& plan) {
  int64_t largest = 1;  // elements per image
  for (size_t b = 1; b < plan.generator.size(); ++b)
    largest = std::max(largest, plan.generator[b] * (plan.bottom_height << b) * (plan.bottom_width << b));
  return std::clamp<int64_t>(largest_activation / largest, 2, standing_batch);
}

/// The classes take turns, so that each counts the same in the statistics.
void collect_standing(BigGanGenerator& generator, int64_t images, const Numerics& numerics) {
  torch::NoGradGuard no_grad;
  const auto& plan = generator->plan;
  auto random = Streams::statistics(statistics_seed);
  const auto at_once = standing_images_at_once(plan);
  const auto batches = (images + at_once - 1) / at_once;
  for (int64_t b = 0; b < batches; ++b) {  // batch sizes differ by one at most, so that each image counts the same
    const auto done = images * b / batches, count = images * (b + 1) / batches - done;
    torch::Tensor labels;
    if (plan.classes) labels = torch::arange(done, done + count).remainder(plan.classes).to(numerics.device);
    auto pass = numerics.pass(random);
    pass.standing = b + 1;
    generator->forward(random.normal({count, plan.latent}, "latents").to(numerics.device, numerics.parameters()),
                       labels, pass);
  }
}

/// Computes the moments of the reference batch under these weights (an averaged network has none of its own).
void collect_reference(BigGanGenerator& generator, const Numerics& numerics) {
  torch::NoGradGuard no_grad;
  auto random = Streams::unused();
  auto pass = numerics.pass(random);
  pass.standing = 1;
  const auto& reference = *generator->reference;
  generator->forward(reference.latents.narrow(0, 0, 1).to(numerics.device, numerics.parameters()),
                     generator->plan.classes ? reference.labels.narrow(0, 0, 1) : torch::Tensor(), pass);
}

}  // namespace

LatentSpace biggan_latents(const BigGanPlan& plan) {
  return {plan.latent, plan.classes, LatentLaw::normal, Truncation::resample};
}

Generator open_biggan_generator(const BigGanOptions& options, const BigGanPlan& plan, const BigGanGenerator& source,
                                const Numerics& numerics) {
  auto quick = options;  // the initial weights are overwritten, so the costly orthogonal ones are not computed
  quick.initialisation = "normal";
  auto unused = Streams::unused();
  BigGanGenerator generator(quick, plan, unused);
  convert(*generator, numerics.parameters());
  move_to(*generator, numerics.device);
  copy_state(*source, *generator);
  if (options.average.standing_images > 0) collect_standing(generator, options.average.standing_images, numerics);
  if (generator->reference) collect_reference(generator, numerics);
  Generator opened{biggan_latents(plan), generator.ptr()};
  opened.images = [generator](const Latents& latents, Pass& pass) mutable {
    return generator->forward(latents.z, latents.labels, pass);
  };
  return opened;
}

}  // namespace fqgan
