#include "fqgan/models/biggan/generator.h"

#include <algorithm>

#include "fqgan/core/shape.h"

namespace fqgan {

GeneratorBlockImpl::GeneratorBlockImpl(int64_t in, int64_t out, const Condition& condition, WeightOptions weight,
                                       double epsilon, Streams& random) {
  norm1 = register_module("norm1", BatchNorm(in, condition, random, epsilon));
  conv1 = register_module(
      "conv1", Conv2d(Conv2dOptions{.in = in, .out = out, .resample = Resample::up, .relu = true}, weight, random));
  norm2 = register_module("norm2", BatchNorm(out, condition, random, epsilon));
  conv2 = register_module("conv2", Conv2d(Conv2dOptions{.in = out, .out = out, .relu = true}, weight, random));
  // The shortcut is upsampled where it is added: a 1x1 convolution commutes with nearest upsampling.
  shortcut = register_module("shortcut", Conv2d(Conv2dOptions{.in = in, .out = out, .kernel = 1}, weight, random));
}

torch::Tensor GeneratorBlockImpl::forward(const torch::Tensor& x, const torch::Tensor& condition, Pass& pass) {
  const auto h = conv1->forward(norm1->forward(x, condition, pass), pass);
  return conv2->forward(norm2->forward(h, condition, pass), pass, shortcut->forward(x, pass));
}

BigGanGeneratorImpl::BigGanGeneratorImpl(const BigGanOptions& options, const BigGanPlan& p, Streams& random) : plan(p) {
  const auto normalization =
      options.generator.spectral_norm ? WeightNormalization::spectral : WeightNormalization::none;
  const WeightOptions weight{normalization, options.spectral_epsilon, options.weight_style(), options.biases};
  const auto& channels = plan.generator;
  const auto reference_rows = options.generator.reference_rows();
  Condition condition{0, plan.chunk, weight}, last;
  condition.reference = last.reference = reference_rows;
  if (plan.classes && options.generator.shared_embedding) {
    condition.width += options.generator.shared_embedding;
    auto plain = weight;
    plain.normalization = WeightNormalization::none;
    shared = register_module("shared", Embedding(plan.classes, options.generator.shared_embedding, plain, random));
  } else {
    condition.classes = plan.classes;
  }
  const auto first = plan.chunk ? plan.chunk : plan.latent;
  linear = register_module("linear",
                           Linear(first, channels[0] * plan.bottom_height * plan.bottom_width, true, weight, random));
  for (size_t b = 0; b + 1 < channels.size(); ++b) {
    const auto number = std::to_string(b);
    blocks.push_back(register_module("block" + number, GeneratorBlock(channels[b], channels[b + 1], condition, weight,
                                                                      options.norm_epsilon, random)));
    const auto& sizes = options.generator.attention;
    if (std::find(sizes.begin(), sizes.end(), plan.bottom_height << (b + 1)) != sizes.end())
      attention.emplace(b, register_module("attention" + number, SelfAttention(channels[b + 1], weight, random)));
  }
  // BigGAN-PyTorch passes its epsilon to the conditional batch norms only; the last one keeps 1e-5.
  norm = register_module("norm", BatchNorm(channels.back(), last, random));
  output = register_module(
      "output", Conv2d(Conv2dOptions{.in = channels.back(), .out = plan.channels, .relu = true}, weight, random));
  if (reference_rows > 0) {
    const auto labels = plan.classes ? torch::arange(reference_rows).remainder(plan.classes) : torch::Tensor();
    reference = register_module("reference",
                                ReferenceLatents(random.normal({reference_rows, plan.latent}, "reference"), labels));
  }
}

/// What conditions a block's batch norms: the labels, or the shared embedding and the block's part of the latent.
torch::Tensor BigGanGeneratorImpl::condition_of(const torch::Tensor& latents, const torch::Tensor& labels, size_t block,
                                                Pass& pass) {
  const auto part =
      plan.chunk ? latents.narrow(1, plan.chunk * static_cast<int64_t>(block + 1), plan.chunk) : torch::Tensor();
  if (!shared) return plan.chunk ? part : labels;
  const auto embedded = shared->forward(labels, pass);
  return plan.chunk ? at::cat({embedded, part}, 1) : embedded;
}

torch::Tensor BigGanGeneratorImpl::forward(const torch::Tensor& latents, const torch::Tensor& labels, Pass& pass) {
  check_shape(latents, {any, plan.latent}, "generator latents");
  if (!reference || !ReferenceLatentsImpl::wanted(pass)) return make(latents, labels, pass);
  const auto [all, of_all] = reference->join(latents, labels, pass);
  return reference->part(make(all, of_all, pass), pass);
}

torch::Tensor BigGanGeneratorImpl::make(const torch::Tensor& latents, const torch::Tensor& labels, Pass& pass) {
  auto h = linear->forward(plan.chunk ? latents.narrow(1, 0, plan.chunk) : latents, pass)
               .reshape({-1, plan.generator[0], plan.bottom_height, plan.bottom_width});
  h = h.to(pass.compute, false, false, at::MemoryFormat::ChannelsLast);
  for (size_t b = 0; b < blocks.size(); ++b) {
    h = blocks[b]->forward(h, condition_of(latents, labels, b, pass), pass);
    const auto here = attention.find(b);
    if (here != attention.end()) h = here->second->forward(h, pass);
  }
  return at::tanh(output->forward(norm->forward(h, {}, pass), pass));
}

}  // namespace fqgan
