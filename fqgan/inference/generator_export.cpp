#include "fqgan/inference/generator_export.h"

#include "fqgan/core/error.h"
#include "fqgan/inference/generator.h"
#include "fqgan/models/truncation.h"

namespace fqgan {
namespace {

using Tensors = TraceRequest::Tensors;

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
  return trace_torchscript(request);
}

}  // namespace fqgan
