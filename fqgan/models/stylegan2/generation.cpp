#include "fqgan/models/stylegan2/generation.h"

#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

/// The noise of generated images: of each image's own stream, so that an image does not depend on its batch.
NoiseSource noise_of(const Latents& latents, const Numerics& numerics) {
  return [&latents, &numerics](const NoiseRequest& request) -> torch::Tensor {
    if (latents.noise == NoiseMode::none) return {};
    if (latents.noise == NoiseMode::constant || latents.rows.empty()) return request.constant.unsqueeze(0).unsqueeze(0);
    std::vector<torch::Tensor> rows;
    for (auto random : latents.rows)
      rows.push_back(random.normal({1, request.height, request.width}, "noise " + request.layer));
    return at::stack(rows).to(numerics.device, numerics.parameters());
  };
}

DifferentiableSynthesis differentiable_synthesis(StyleGan2Generator generator) {
  DifferentiableSynthesis synthesis;
  for (auto& block : generator->synthesis->blocks) {
    if (block->conv0) synthesis.noise[block->name + ".conv0"] = block->conv0->noise_const;
    synthesis.noise[block->name + ".conv1"] = block->conv1->noise_const;
  }
  synthesis.images = [generator](const torch::Tensor& w, const std::map<std::string, torch::Tensor>& noise,
                                 Pass& pass) mutable {
    const auto given = [&](const NoiseRequest& layer) { return noise.at(layer.layer).unsqueeze(0).unsqueeze(0); };
    return generator->synthesis->forward(rows_of_w(w, generator->plan.rows()), given, pass);
  };
  return synthesis;
}

}  // namespace

LatentSpace stylegan2_latents(const StyleGan2Plan& plan) {
  LatentSpace space;
  space.width = plan.latent;
  space.classes = plan.classes;
  space.truncation = Truncation::towards_mean;
  space.mapped = plan.style;
  space.noise = true;
  space.layers = plan.rows();
  return space;
}

Generator open_stylegan2_generator(const StyleGan2Options& options, const StyleGan2Generator& source,
                                   const Numerics& numerics) {
  auto unused = Streams::unused();
  StyleGan2Generator generator(options, source->plan, unused);
  convert(*generator, numerics.parameters());
  move_to(*generator, numerics.device);
  copy_state(*source, *generator);
  Generator opened;
  opened.space = stylegan2_latents(generator->plan);
  opened.network = generator.ptr();
  opened.map = [generator](const Latents& latents, Pass& pass) mutable {
    const auto w = latents.w.defined() ? latents.w : generator->mapping->forward(latents.z, latents.labels, pass);
    if (!latents.truncation) return w;
    const auto& average = generator->mapping->w_avg;
    if (!latents.truncation_cutoff) return truncated(w, average, *latents.truncation);
    return truncated(rows_of_w(w, generator->plan.rows()), average, *latents.truncation, *latents.truncation_cutoff);
  };
  opened.images = [generator, map = opened.map, numerics](const Latents& latents, Pass& pass) mutable {
    const auto ws = rows_of_w(map(latents, pass), generator->plan.rows());
    return generator->synthesis->forward(ws, noise_of(latents, numerics), pass).clamp(-1, 1);
  };
  opened.synthesis = differentiable_synthesis(generator);
  return opened;
}

}  // namespace fqgan
