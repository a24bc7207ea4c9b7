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

/// A part of a generator with the inputs of its file.
class Exported {
 public:
  Exported(const Generator& generator, const GeneratorExport& options) : generator_(generator), options_(options) {
    const auto& space = generator.space;
    if (options.part != GeneratorPart::whole && !space.mapped)
      fail("--part", "this generator has no mapping network, and can only be exported as a whole");
    if (options.truncation && space.truncation == Truncation::none)
      fail("--truncation", "this generator has uniform latents, which have no truncation");
    if (options.truncation && from_w()) fail("--truncation", "the synthesis takes w, which it does not truncate");
    asks_ = !from_w() && space.truncation != Truncation::none && !options.truncation;
  }

  std::vector<std::string> inputs() const {
    if (from_w()) return {"w"};
    std::vector<std::string> names{"z"};
    if (generator_.space.classes) names.emplace_back("class");
    if (asks_) names.emplace_back(resamples() ? "truncation" : "psi");
    return names;
  }
  std::string output() const { return options_.part == GeneratorPart::mapping ? "w" : "images"; }

  /// Random latents, classes in turn, and a truncation.
  Tensors examples(int64_t batch) const {
    const auto& space = generator_.space;
    auto random = Streams::image(0, batch);
    if (from_w())
      return {random.normal(space.layers ? Sizes{batch, space.layers, space.mapped} : Sizes{batch, space.mapped}, "w")};
    const Sizes shape{batch, space.width};
    Tensors made{space.law == LatentLaw::normal ? random.normal(shape, "latents") : random.uniform(shape, "latents")};
    if (space.classes) made.push_back(torch::arange(batch).add_(batch).remainder_(space.classes));
    const auto most = resamples() ? largest_truncation + 1 : 1.;
    if (asks_) made.push_back(at::scalar_tensor(batch % 2 ? 0.5 : most));
    return made;
  }

  Tensors compute(const Tensors& inputs) const {
    const auto& space = generator_.space;
    auto unused = Streams::unused();
    Pass pass(unused);
    pass.reference_operators = true;
    const auto from = latents(inputs);
    if (options_.part != GeneratorPart::mapping) return {generator_.images(from, pass).contiguous()};
    const auto w = generator_.map(from, pass);
    return {space.layers ? rows_of_w(w, space.layers).contiguous() : w};
  }

  /// What the program computes from the same inputs.
  torch::Tensor of_program(const LatentSampler& sampler, const Tensors& inputs) const {
    SampleOptions options;
    options.noise = options_.noise;
    options.truncation = options_.truncation;
    const auto batch = inputs[0].size(0);
    if (from_w()) {
      options.mapped = inputs[0];
      return sampler.images(options, 0, batch).pixels;
    }
    if (asks_) options.truncation = inputs.back().item<double>();
    if (resamples() && options.truncation && *options.truncation > largest_truncation) options.truncation.reset();
    const auto labels = generator_.space.classes ? inputs[1] : torch::Tensor();
    if (options_.part == GeneratorPart::whole)
      return sampler.images(inputs[0], labels, options.truncation, options_.noise);
    options.latents = inputs[0];
    if (labels.defined()) options.labels = {labels.const_data_ptr<int64_t>(), labels.const_data_ptr<int64_t>() + batch};
    auto unused = Streams::unused();
    Pass pass(unused);
    return sampler.generator().map(sampler.latents(options, 0, batch), pass).unsqueeze(1);
  }

 private:
  using Sizes = std::vector<int64_t>;

  bool from_w() const { return options_.part == GeneratorPart::synthesis; }
  bool resamples() const { return generator_.space.truncation == Truncation::resample; }

  Latents latents(const Tensors& inputs) const {
    const auto& space = generator_.space;
    Latents latents;
    latents.noise = options_.noise;
    if (from_w()) {
      latents.w = inputs[0].unflatten(-1, {space.mapped});  // fails for another width
      return latents;
    }
    latents.z = inputs[0].unflatten(1, {space.width});
    const auto given = options_.truncation ? std::optional(at::scalar_tensor(*options_.truncation))
                       : asks_             ? std::optional(inputs.back())
                                           : std::nullopt;
    if (given && resamples()) latents.z = truncated_normal(latents.z, *given).to(torch::kFloat);
    if (given && !resamples()) latents.truncation = given;
    if (space.classes) latents.labels = inputs[1];
    return latents;
  }

  const Generator& generator_;
  const GeneratorExport& options_;
  bool asks_;
};

/// Largest difference of the file's results from the program's, without and with truncation.
double difference_from_program(Traced& traced, const LatentSampler& sampler, const Exported& exported) {
  torch::NoGradGuard no_grad;
  double largest = 0;
  for (const int64_t batch : {15, 16}) {
    const auto inputs = exported.examples(batch);
    const auto ours = traced.module.forward({inputs.begin(), inputs.end()}).toTensor();
    largest = std::max(largest, (ours - exported.of_program(sampler, inputs)).abs().max().item<double>());
  }
  FQGAN_CHECK(largest <= rounding, "the file's results differ by " + std::to_string(largest) + " from the program's");
  return largest;
}

}  // namespace

Traced trace_generator(const Family& family, const GeneratorExport& options) {
  if (!family.generator) fail("model", "expected a family with a generator from latents, got one without");
  const auto generator = family.generator->open(options.weights);
  const Exported exported(generator, options);
  TraceRequest request;
  request.network = generator.network;
  request.inputs = exported.inputs();
  request.outputs = {exported.output()};
  request.description = options.description;
  request.examples = [&exported](int64_t batch) { return exported.examples(batch); };
  request.compute = [&exported](const Tensors& inputs) { return exported.compute(inputs); };
  auto traced = trace_torchscript(request);
  traced.difference = difference_from_program(traced, LatentSampler(generator, family.numerics), exported);
  return traced;
}

}  // namespace fqgan
