#include "fqgan/inference/generator_export.h"

#include "fqgan/core/error.h"
#include "fqgan/inference/truncation.h"

namespace fqgan {
namespace {

using Tensors = TraceRequest::Tensors;

/// Latents of this kind, and classes that take turns; truncation as given.
Tensors examples(const LatentSpace& space, bool truncation_is_input, int64_t batch) {
  auto random = Streams::unused();
  const std::vector<int64_t> shape{batch, space.width};
  Tensors inputs{space.law == LatentLaw::normal ? random.normal(shape, "latents") : random.uniform(shape, "latents")};
  if (space.classes) inputs.push_back(torch::arange(batch).add_(batch).remainder_(space.classes));
  if (truncation_is_input) inputs.push_back(at::scalar_tensor(batch % 2 ? 0.5 : largest_truncation + 1));
  return inputs;
}

Tensors images_of(const Generator& generator, std::optional<double> fixed, const Tensors& inputs) {
  const auto& space = generator.space;
  Latents latents;
  latents.z = inputs[0].unflatten(1, {space.width});  // refuses another width, which a narrow would not notice
  if (space.truncation == Truncation::resample)
    latents.z = truncated_normal(latents.z, fixed ? at::scalar_tensor(*fixed) : inputs.back()).to(torch::kFloat);
  if (space.truncation == Truncation::towards_mean) latents.truncation = fixed;
  if (space.classes) latents.labels = inputs[1];
  latents.noise = NoiseMode::none;
  auto unused = Streams::unused();
  Pass pass(unused);
  pass.twin = true;
  return {generator.images(latents, pass).contiguous()};
}

}  // namespace

Traced trace_generator(const Family& family, const GeneratorExport& options) {
  if (!family.generator) fail("model", "this family has no generator of images from latents");
  const auto generator = family.generator->open(options.weights);
  const auto& space = generator.space;
  if (options.truncation && space.truncation == Truncation::none)
    fail("--truncation", "this generator's latents are uniform: there is nothing to cut off");
  const bool asks = space.truncation == Truncation::resample && !options.truncation;

  TraceRequest request;
  request.network = generator.network;
  request.inputs = {"z"};
  if (space.classes) request.inputs.emplace_back("class");
  if (asks) request.inputs.emplace_back("truncation");
  request.outputs = {"images"};
  request.description = options.description;
  request.examples = [space, asks](int64_t batch) { return examples(space, asks, batch); };
  request.compute = [&generator, &options](const Tensors& inputs) {
    return images_of(generator, options.truncation, inputs);
  };
  return trace_torchscript(request);
}

}  // namespace fqgan
