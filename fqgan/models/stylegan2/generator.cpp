#include "fqgan/models/stylegan2/generator.h"

#include <cmath>

#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/nn/modulated_convolution.h"

namespace fqgan {
namespace {

/// The weights of modulated convolutions are N(0, 1) and are used as they are: demodulation takes away their scale.
WeightOptions plain_weight() {
  WeightOptions options{WeightNormalization::none};
  options.initial_std = 1;
  options.biases = "zero";
  return options;
}

/// C x H x W -> N x C x H x W, as often as ws has rows. The batch size is not read, so that the export can record it.
torch::Tensor repeated(const torch::Tensor& start, const torch::Tensor& ws) {
  const auto zeros = at::zeros_like(ws.select(1, 0).narrow(1, 0, 1)).to(start.scalar_type());
  return (start.unsqueeze(0) + zeros.reshape({-1, 1, 1, 1})).contiguous(at::MemoryFormat::ChannelsLast);
}

/// w -> styles, which are 1 at first.
Linear affine_layer(int64_t in, int64_t out, Streams& random) {
  Linear layer(in, out, true, equalized(), random);
  torch::NoGradGuard no_grad;
  layer->bias.fill_(1);
  return layer;
}

}  // namespace

SynthesisLayerImpl::SynthesisLayerImpl(const StyleGan2Plan& plan, int64_t in, const StyleGan2Level& level, bool up,
                                       double clamp, Streams& random)
    : WeightedLayer({{level.channels, in, 3, 3}}, plain_weight(), random), up(up), clamp(clamp) {
  affine = register_module("affine", affine_layer(plan.style, in, random));
  bias = register_bias(true, in, random);
  noise_strength = register_parameter("noise_strength", torch::zeros({}));
  noise_const = register_buffer("noise_const", random.normal({level.height, level.width}, "noise"));
}

torch::Tensor SynthesisLayerImpl::forward(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& noise,
                                          Pass& pass) {
  const LayerScope scope(this);
  const auto style = affine->forward(w, pass), own = effective_weight(pass);
  auto end = ops::leaky_relu(1, clamp);
  end.scale = demodulation(own, style);
  if (noise.defined()) end.noise = noise * noise_strength;
  end.bias = bias;
  return modulated_convolution(x, own, style, up, end, pass);
}

ToRgbImpl::ToRgbImpl(const StyleGan2Plan& plan, int64_t in, double clamp, Streams& random)
    : WeightedLayer({{plan.channels, in, 1, 1}}, plain_weight(), random), clamp(clamp) {
  affine = register_module("affine", affine_layer(plan.style, in, random));
  bias = register_bias(true, in, random);
}

torch::Tensor ToRgbImpl::forward(const torch::Tensor& x, const torch::Tensor& w, Pass& pass) {
  const LayerScope scope(this);
  const auto style = affine->forward(w, pass) * (1 / std::sqrt(static_cast<double>(weight.size(1))));
  ops::BiasActivation end;
  end.bias = bias;
  end.clamp = clamp;
  return modulated_convolution(x, effective_weight(pass), style, false, end, pass);
}

SynthesisBlockImpl::SynthesisBlockImpl(const StyleGan2Plan& plan, size_t level, double clamp, Streams& random)
    : name("b" + std::to_string(plan.levels[level].resolution)) {
  const auto& own = plan.levels[level];
  if (level == 0) {
    start = register_parameter("const", random.normal({own.channels, own.height, own.width}, "const"));
  } else {
    const auto in = plan.levels[level - 1].channels;
    conv0 = register_module("conv0", SynthesisLayer(plan, in, own, true, clamp, random));
  }
  conv1 = register_module("conv1", SynthesisLayer(plan, own.channels, own, false, clamp, random));
  torgb = register_module("torgb", ToRgb(plan, own.channels, clamp, random));
}

SynthesisImpl::SynthesisImpl(const StyleGan2Plan& plan, double clamp, Streams& random) : rows(plan.rows()) {
  for (size_t level = 0; level < plan.levels.size(); ++level) {
    const SynthesisBlock block(plan, level, clamp, random);
    blocks.push_back(register_module(block->name, block));
  }
}

torch::Tensor SynthesisImpl::forward(const torch::Tensor& ws, const NoiseSource& noise, Pass& pass) {
  check_shape(ws, {any, rows, any}, "synthesis");
  const auto row = [&](int64_t k) { return ws.select(1, k); };
  const auto layer = [&](const SynthesisBlock& block, SynthesisLayer& conv, const char* name, const torch::Tensor& x,
                         int64_t k) {
    const auto& own = conv->noise_const;
    return conv->forward(x, row(k), noise({block->name + "." + name, own.size(0), own.size(1), own}), pass);
  };
  torch::Tensor x, image;
  for (size_t level = 0; level < blocks.size(); ++level) {
    auto& block = blocks[level];
    const auto last = 2 * static_cast<int64_t>(level);  // torgb and the next conv0 share a row
    if (level == 0)
      x = repeated(block->start.to(pass.compute), ws);
    else
      x = layer(block, block->conv0, "conv0", x, last - 1);
    x = layer(block, block->conv1, "conv1", x, last);
    const auto colours = block->torgb->forward(x, row(last + 1), pass).to(ws.scalar_type());
    image = image.defined() ? upsampled(image, pass) + colours : colours;
  }
  return image;
}

StyleGan2GeneratorImpl::StyleGan2GeneratorImpl(const StyleGan2Options& options, const StyleGan2Plan& p, Streams& random)
    : plan(p) {
  const auto& own = options.generator.mapping;
  MappingOptions to_w{plan.latent, plan.classes, plan.style, own.layers, own.learning_rate_multiplier};
  to_w.average_decay = own.average_decay;
  mapping = register_module("mapping", Mapping(to_w, random));
  synthesis = register_module("synthesis", Synthesis(plan, options.clamp, random));
}

}  // namespace fqgan
