#include "fqgan/inference/latent_steps.h"

#include "fqgan/inference/interpolation.h"

namespace fqgan {
namespace {

Numerics exact(Numerics numerics) {
  if (numerics.compute == torch::kBFloat16) numerics.compute = torch::kFloat;
  return numerics;
}

/// The w of each z, in float64.
torch::Tensor mapped(const Generator& generator, const Numerics& numerics, const torch::Tensor& z,
                     const torch::Tensor& labels) {
  Latents latents;
  latents.z = z;
  latents.labels = labels;
  auto random = Streams::unused();
  auto pass = numerics.pass(random);
  return generator.map(latents, pass).to(torch::kDouble);
}

/// Where each step begins on its path, float64 N.
torch::Tensor beginnings(uint64_t seed, int64_t count, bool at_the_start) {
  const auto t = torch::zeros({count}, torch::kDouble);
  for (int64_t i = 0; !at_the_start && i < count; ++i)
    t[i] = Streams::image(seed, i).uniform({1}, "path").to(torch::kDouble)[0];
  return t;
}

}  // namespace

LatentSteps::LatentSteps(const Family& family, const SampleOptions& options, int64_t count, const StepOptions& step)
    : sampler_(family.generator->open(options.weights), exact(family.numerics)), before_(options) {
  check_sampling(family, options);
  torch::NoGradGuard no_grad;
  const auto numerics = exact(family.numerics);
  const auto& space = sampler_.space();
  const auto ends = sampler_.latents(options, 0, 2 * count).z;
  auto a = ends.slice(0, 0, {}, 2), b = ends.slice(0, 1, {}, 2);
  if (space.mapped) {
    const auto labels = sampler_.latents(options, 0, count).labels;
    a = mapped(sampler_.generator(), numerics, a, labels);
    b = mapped(sampler_.generator(), numerics, b, labels);
  } else {
    a = a.to(torch::kDouble);
    b = b.to(torch::kDouble);
  }
  auto t = beginnings(options.seed, count, step.at_the_start).to(a.device());
  while (t.dim() < a.dim()) t = t.unsqueeze(-1);
  const auto at = [&](const torch::Tensor& place) {
    const bool straight = space.mapped || space.law == LatentLaw::uniform;
    return straight ? at::lerp(a, b, place) : on_great_circle(a, b, place);
  };
  if (space.truncation == Truncation::resample) before_.truncation.reset();  // the ends are truncated already
  after_ = before_;
  (space.mapped ? before_.mapped : before_.latents) = at(t);
  (space.mapped ? after_.mapped : after_.latents) = at(t + step.length);
}

LatentSteps::Pairs LatentSteps::images(int64_t first, int64_t count) const {
  return {sampler_.images(before_, first, count).pixels, sampler_.images(after_, first, count).pixels};
}

}  // namespace fqgan
