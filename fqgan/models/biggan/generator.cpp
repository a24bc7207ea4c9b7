#include "fqgan/models/biggan/generator.h"

#include <algorithm>

#include "fqgan/core/shape.h"

namespace fqgan {

GeneratorBlockImpl::GeneratorBlockImpl(int64_t in, int64_t out, int64_t classes, WeightOptions weight,
                                       Streams& random) {
  norm1 = register_module("norm1", BatchNorm(in, classes, weight.initialisation, random));
  conv1 = register_module("conv1", Conv2d(Conv2dOptions{in, out, 3, Resample::up}, weight, random));
  norm2 = register_module("norm2", BatchNorm(out, classes, weight.initialisation, random));
  conv2 = register_module("conv2", Conv2d(Conv2dOptions{out, out}, weight, random));
  shortcut = register_module("shortcut", Conv2d(Conv2dOptions{in, out, 1, Resample::up}, weight, random));
}

torch::Tensor GeneratorBlockImpl::forward(const torch::Tensor& x, const torch::Tensor& labels, Pass& pass) {
  auto h = conv1->forward(at::relu(norm1->forward(x, labels, pass)), pass);
  h = conv2->forward(at::relu(norm2->forward(h, labels, pass)), pass);
  return h + shortcut->forward(x, pass);
}

BigGanGeneratorImpl::BigGanGeneratorImpl(const BigGanOptions& options, const BigGanPlan& p, Streams& random) : plan(p) {
  const WeightOptions weight{options.generator.spectral_norm, 1e-8, options.initialisation};
  const auto& channels = plan.generator;
  linear = register_module(
      "linear",
      Linear(options.generator.latent, channels[0] * plan.bottom_height * plan.bottom_width, true, weight, random));
  for (size_t b = 0; b + 1 < channels.size(); ++b) {
    blocks.push_back(register_module("block" + std::to_string(b),
                                     GeneratorBlock(channels[b], channels[b + 1], plan.classes, weight, random)));
    const auto& sizes = options.generator.attention;
    if (std::find(sizes.begin(), sizes.end(), plan.bottom_height << (b + 1)) != sizes.end())
      attention.emplace(
          b, register_module("attention" + std::to_string(b), SelfAttention(channels[b + 1], weight, random)));
  }
  norm = register_module("norm", BatchNorm(channels.back(), 0, options.initialisation, random));
  output = register_module("output", Conv2d(Conv2dOptions{channels.back(), plan.channels}, weight, random));
}

torch::Tensor BigGanGeneratorImpl::forward(const torch::Tensor& latents, const torch::Tensor& labels, Pass& pass) {
  check_shape(latents, {any, linear->weight.size(1)}, "generator latents");
  auto h = linear->forward(latents, pass)
               .reshape({latents.size(0), plan.generator[0], plan.bottom_height, plan.bottom_width});
  h = h.to(h.options().dtype(pass.compute), false, false, at::MemoryFormat::ChannelsLast);
  for (size_t b = 0; b < blocks.size(); ++b) {
    h = blocks[b]->forward(h, labels, pass);
    const auto here = attention.find(b);
    if (here != attention.end()) h = here->second->forward(h, pass);
  }
  return at::tanh(output->forward(at::relu(norm->forward(h, {}, pass)), pass));
}

}  // namespace fqgan
