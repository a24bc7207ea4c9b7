#include "fqgan/inference/generator_export.h"

#include "fqgan/core/error.h"
#include "fqgan/inference/latent_sampler.h"
#include "fqgan/inference/truncation.h"

namespace fqgan {
namespace {

using Tensors = TraceRequest::Tensors;

// Tolerance of images in [-1, 1]: the order of float32 sums changes BigGAN's images for CIFAR-10 by 8e-6, larger ones
// more.
constexpr double rounding = 1e-4;

/// Inputs of the generator: random latents, classes in turn, and the given truncation.
Tensors examples(const LatentSpace& space, bool truncation_is_input, int64_t batch) {
  auto random = Streams::image(0, batch);
  const std::vector<int64_t> shape{batch, space.width};
  Tensors inputs{space.law == LatentLaw::normal ? random.normal(shape, "latents") : random.uniform(shape, "latents")};
  if (space.classes) inputs.push_back(torch::arange(batch).add_(batch).remainder_(space.classes));
  if (truncation_is_input) inputs.push_back(at::scalar_tensor(batch % 2 ? 0.5 : largest_truncation + 1));
  return inputs;
}

Tensors images_of(const Generator& generator, std::optional<double> fixed, const Tensors& inputs) {
  const auto& space = generator.space;
  Latents latents;
  latents.z = inputs[0].unflatten(1, {space.width});  // fails for another width
  if (space.truncation == Truncation::resample)
    latents.z = truncated_normal(latents.z, fixed ? at::scalar_tensor(*fixed) : inputs.back()).to(torch::kFloat);
  if (space.truncation == Truncation::towards_mean) latents.truncation = fixed;
  if (space.classes) latents.labels = inputs[1];
  latents.noise = NoiseMode::none;
  auto unused = Streams::unused();
  Pass pass(unused);
  pass.reference_operators = true;
  return {generator.images(latents, pass).contiguous()};
}

/// Largest difference of the file's images from the sampler's, without and with truncation.
double difference_from_sampling(Traced& traced, const LatentSampler& sampler, const TraceRequest& request,
                                std::optional<double> fixed) {
  torch::NoGradGuard no_grad;
  const auto& space = sampler.space();
  double largest = 0;
  for (const int64_t batch : {15, 16}) {
    const auto inputs = request.examples(batch);
    auto truncation = fixed;
    if (space.truncation == Truncation::resample && !fixed) truncation = inputs.back().item<double>();
    if (truncation && *truncation > largest_truncation) truncation.reset();
    const auto ours = traced.module.forward({inputs.begin(), inputs.end()}).toTensor();
    const auto theirs =
        sampler.images(inputs[0], space.classes ? inputs[1] : torch::Tensor(), truncation, NoiseMode::none);
    largest = std::max(largest, (ours - theirs).abs().max().item<double>());
  }
  FQGAN_CHECK(largest <= rounding, "the file's images differ by " + std::to_string(largest) + " from the sampler's");
  return largest;
}

}  // namespace

Traced trace_generator(const Family& family, const GeneratorExport& options) {
  if (!family.generator) fail("model", "expected a family with a generator from latents, got one without");
  const auto generator = family.generator->open(options.weights);
  const auto& space = generator.space;
  if (options.truncation && space.truncation == Truncation::none)
    fail("--truncation", "this generator has uniform latents, which have no truncation");
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
  auto traced = trace_torchscript(request);
  traced.difference =
      difference_from_sampling(traced, LatentSampler(generator, family.numerics), request, options.truncation);
  return traced;
}

}  // namespace fqgan
