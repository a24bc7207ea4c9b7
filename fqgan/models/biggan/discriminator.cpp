#include "fqgan/models/biggan/discriminator.h"

#include <algorithm>

#include "fqgan/core/shape.h"
#include "fqgan/nn/noise.h"

namespace fqgan {

DiscriminatorBlockImpl::DiscriminatorBlockImpl(int64_t in, int64_t out, bool first, bool down, WeightOptions weight,
                                               Streams& random) {
  const auto resample = down ? Resample::down : Resample::none;
  conv1 = register_module("conv1", Conv2d(Conv2dOptions{.in = in, .out = out, .relu = !first}, weight, random));
  conv2 = register_module(
      "conv2", Conv2d(Conv2dOptions{.in = out, .out = out, .resample = resample, .relu = true}, weight, random));
  if (in != out || down)
    shortcut = register_module(
        "shortcut", Conv2d(Conv2dOptions{.in = in, .out = out, .kernel = 1, .resample = resample}, weight, random));
}

torch::Tensor DiscriminatorBlockImpl::forward(const torch::Tensor& x, Pass& pass) {
  return conv2->forward(conv1->forward(x, pass), pass, shortcut ? shortcut->forward(x, pass) : x);
}

BigGanDiscriminatorImpl::BigGanDiscriminatorImpl(const BigGanOptions& options, const BigGanPlan& plan, Streams& random)
    : input_noise(options.discriminator.input_noise), noise(options.discriminator.noise) {
  const WeightOptions weight{weight_normalization(options.discriminator.weight_normalization), options.spectral_epsilon,
                             options.weight_style(), options.biases};
  auto in = plan.channels, height = plan.height;
  for (size_t b = 0; b < plan.discriminator.size(); ++b) {
    const auto name = "block" + std::to_string(b);
    const auto out = plan.discriminator[b];
    blocks.push_back(register_module(name, DiscriminatorBlock(in, out, b == 0, plan.downsample[b], weight, random)));
    if (plan.downsample[b]) height /= 2;
    const auto& sizes = options.discriminator.attention;
    if (std::find(sizes.begin(), sizes.end(), height) != sizes.end())
      attention.emplace(b, register_module("attention" + std::to_string(b), SelfAttention(out, weight, random)));
    in = out;
  }
  taps = register_module("taps", std::make_shared<Taps>(options.taps(plan)));
  attach_quantizers(*taps, options.quantizer, random);
  const auto& minibatch_options = options.minibatch_discrimination;
  if (minibatch_options.kernels > 0)
    minibatch = register_module("minibatch",
                                MinibatchDiscrimination(in, minibatch_options.kernels, minibatch_options.dims, random));
  linear = register_module("linear", Linear(in + minibatch_options.kernels, 1, true, weight, random));
  if (plan.classes > 0) projection = register_module("projection", Embedding(plan.classes, in, weight, random));
}

torch::Tensor BigGanDiscriminatorImpl::forward(const torch::Tensor& images, const torch::Tensor& labels, Pass& pass) {
  check_shape(images, {any, blocks[0]->conv1->options.in, any, any}, "discriminator images");
  auto h = gaussian_noise(images, input_noise, pass);
  for (size_t b = 0; b < blocks.size(); ++b) {
    h = (*taps)(taps->points()[b].name.c_str(), blocks[b]->forward(h, pass), pass);
    h = gaussian_noise(h, noise, pass);
    const auto here = attention.find(b);
    if (here != attention.end()) h = here->second->forward(h, pass);
  }
  // The head is float32 (or float64): sums over positions and logits need the precision.
  const auto pooled = at::relu(h).sum({2, 3}, false, linear->weight.scalar_type());  // N x C
  auto logits = linear->forward(minibatch ? minibatch->forward(pooled, pass) : pooled, pass).squeeze(1);
  if (projection) logits = logits + (projection->forward(labels, pass) * pooled).sum(1);
  return logits;
}

}  // namespace fqgan
