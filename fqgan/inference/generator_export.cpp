#include "fqgan/inference/generator_export.h"

#include "fqgan/core/error.h"
#include "fqgan/inference/generator.h"
#include "fqgan/models/truncation.h"

namespace fqgan {
namespace {

using Tensors = TraceRequest::Tensors;

// Images in [-1, 1]: two orders of the same float32 sums differ by 8e-6 in BigGAN for CIFAR-10, by more in larger ones.
constexpr double rounding = 1e-4;

/// Latents of this kind, and classes that take turns; truncation as given.
Tensors examples(const TraceableSpace& space, bool truncation_is_input, int64_t batch) {
  Streams random(0, Counters{});
  const std::vector<int64_t> shape{batch, space.width};
  Tensors inputs{space.normal ? random.normal(shape, "latents") : random.uniform(shape, "latents")};
  if (space.classes) inputs.push_back(torch::arange(batch).add_(batch).remainder_(space.classes));
  if (truncation_is_input) inputs.push_back(at::scalar_tensor(batch % 2 ? 0.5 : largest_truncation + 1));
  return inputs;
}

Tensors images_of(Traceable& generator, std::optional<double> fixed, const Tensors& inputs) {
  const auto space = generator.space();
  auto z = inputs[0].unflatten(1, {space.width});  // refuses another width, which a narrow would not notice
  if (space.truncates)
    z = truncated_normal(z, fixed ? at::scalar_tensor(*fixed) : inputs.back()).to(torch::kFloat);
  Streams unused(0, Counters{});
  Pass pass(unused);
  pass.twin = true;
  return {generator.images(z, space.classes ? inputs[1] : torch::Tensor(), pass).contiguous()};
}

/// Largest difference of the file's images from those of the network's fast operators, without truncation and with it.
double difference_from_sampling(Traced& traced, const OpenGenerator& generator, const TraceRequest& request,
                                std::optional<double> fixed) {
  torch::NoGradGuard no_grad;
  const auto space = generator.space();
  double largest = 0;
  for (const int64_t batch : {15, 16}) {
    const auto inputs = request.examples(batch);
    auto truncation = fixed;
    if (space.truncates && !fixed) truncation = inputs.back().item<double>();
    if (truncation && *truncation > largest_truncation) truncation.reset();
    const auto ours = traced.module.forward({inputs.begin(), inputs.end()}).toTensor();
    const auto theirs = generator.images(inputs[0], space.classes ? inputs[1] : torch::Tensor(), truncation);
    largest = std::max(largest, (ours - theirs).abs().max().item<double>());
  }
  FQGAN_CHECK(largest <= rounding, "images of the file differ by " + std::to_string(largest) + " from sampled ones");
  return largest;
}

}  // namespace

Traced trace_generator(Family& family, const GeneratorExport& options) {
  const auto opened = open_generator(family, options.average);
  auto* generator = &opened->traceable();
  const auto space = generator->space();
  if (options.truncation && !space.truncates)
    fail("--truncation", "this generator's latents are uniform: there is nothing to cut off");
  const bool asks = space.truncates && !options.truncation;

  TraceRequest request;
  request.network = generator->network();
  request.inputs = {"z"};
  if (space.classes) request.inputs.emplace_back("class");
  if (asks) request.inputs.emplace_back("truncation");
  request.outputs = {"images"};
  request.description = options.description;
  request.examples = [space, asks](int64_t batch) { return examples(space, asks, batch); };
  request.compute = [generator, &options](const Tensors& inputs) {
    return images_of(*generator, options.truncation, inputs);
  };
  auto traced = trace_torchscript(request);
  traced.difference = difference_from_sampling(traced, *opened, request, options.truncation);
  return traced;
}

}  // namespace fqgan
