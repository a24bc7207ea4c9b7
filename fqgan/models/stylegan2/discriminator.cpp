#include "fqgan/models/stylegan2/discriminator.h"

#include <cmath>

#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/nn/minibatch_std.h"
#include "fqgan/nn/modulated_convolution.h"

namespace fqgan {
namespace {

std::string block_name(const StyleGan2Level& level) { return "b" + std::to_string(level.resolution); }

}  // namespace

DiscriminatorLayerImpl::DiscriminatorLayerImpl(const StyleGan2Convolution& s, Streams& random)
    : WeightedLayer({{s.out, s.in, s.kernel, s.kernel}}, equalized(), random), shape(s) {
  bias = register_bias(s.bias, s.in * s.kernel * s.kernel, random);
}

torch::Tensor DiscriminatorLayerImpl::forward(const torch::Tensor& x, Pass& pass, double gain) {
  const LayerScope scope(this);
  const auto own = effective_weight(pass);
  ops::BiasActivation end;
  if (shape.active) end = ops::leaky_relu(gain, shape.clamp);
  if (!shape.active) end.gain = gain;
  end.bias = bias;
  return shape.down ? activated(downsampling_convolution(x, own, pass), end, pass)
                    : modulated_convolution(x, own, {}, false, end, pass);
}

StyleGan2DiscriminatorBlockImpl::StyleGan2DiscriminatorBlockImpl(const StyleGan2Options& options,
                                                                 const StyleGan2Plan& plan, size_t level,
                                                                 Streams& random) {
  const auto in = plan.levels[level].channels, out = plan.levels[level - 1].channels;
  const auto clamp = options.clamp;
  if (level + 1 == plan.levels.size())
    fromrgb = register_module(
        "fromrgb",
        DiscriminatorLayer(StyleGan2Convolution{.in = plan.channels, .out = in, .kernel = 1, .clamp = clamp}, random));
  conv0 =
      register_module("conv0", DiscriminatorLayer(StyleGan2Convolution{.in = in, .out = in, .clamp = clamp}, random));
  conv1 = register_module(
      "conv1", DiscriminatorLayer(StyleGan2Convolution{.in = in, .out = out, .down = true, .clamp = clamp}, random));
  if (options.discriminator.architecture == "resnet")
    skip = register_module(
        "skip",
        DiscriminatorLayer(
            StyleGan2Convolution{.in = in, .out = out, .kernel = 1, .down = true, .bias = false, .active = false},
            random));
}

torch::Tensor StyleGan2DiscriminatorBlockImpl::forward(const torch::Tensor& x, Pass& pass) {
  const auto h = fromrgb ? fromrgb->forward(x, pass) : x;
  const auto gain = skip ? std::sqrt(0.5) : 1.;
  const auto y = conv1->forward(conv0->forward(h, pass), pass, gain);
  return skip ? skip->forward(h, pass, gain) + y : y;
}

DiscriminatorEndImpl::DiscriminatorEndImpl(const StyleGan2Options& options, const StyleGan2Plan& plan, Streams& random)
    : group(options.discriminator.group), group_channels(options.discriminator.group_channels) {
  const auto& first = plan.levels[0];
  const auto channels = first.channels;
  conv = register_module(
      "conv",
      DiscriminatorLayer(StyleGan2Convolution{.in = channels + group_channels, .out = channels, .clamp = options.clamp},
                         random));
  fc = register_module("fc", Linear(channels * first.height * first.width, channels, true, equalized(), random));
  out = register_module("out", Linear(channels, plan.classes ? channels : 1, true, equalized(), random));
}

torch::Tensor DiscriminatorEndImpl::forward(const torch::Tensor& x, Pass& pass) {
  auto h = x.to(out->weight.scalar_type());
  if (group_channels > 0) h = with_minibatch_std(h, group, group_channels);
  h = conv->forward(h, pass).flatten(1);  // in the order C, H, W
  return out->forward(activated(fc->forward(h, pass), ops::leaky_relu(1, 0), pass), pass);
}

StyleGan2DiscriminatorImpl::StyleGan2DiscriminatorImpl(const StyleGan2Options& options, const StyleGan2Plan& plan,
                                                       Streams& random) {
  for (auto level = plan.levels.size() - 1; level > 0; --level)
    blocks.push_back(
        register_module(block_name(plan.levels[level]), StyleGan2DiscriminatorBlock(options, plan, level, random)));
  end = register_module("b4", DiscriminatorEnd(options, plan, random));
  if (plan.classes > 0) {
    MappingOptions of_class{0, plan.classes, plan.levels[0].channels, options.discriminator.mapping_layers};
    mapping = register_module("mapping", Mapping(of_class, random));
  }
  taps = register_module("taps", std::make_shared<Taps>(StyleGan2Options::taps(plan)));
  attach_quantizers(*taps, options.quantizer, random);
}

torch::Tensor StyleGan2DiscriminatorImpl::forward(const torch::Tensor& images, const torch::Tensor& labels,
                                                  Pass& pass) {
  check_shape(images, {any, blocks[0]->fromrgb->shape.in, any, any}, "discriminator images");
  auto x = images.to(pass.compute);
  for (size_t b = 0; b < blocks.size(); ++b)
    x = (*taps)(taps->points()[b].name.c_str(), blocks[b]->forward(x, pass), pass);
  const auto y = end->forward(x, pass);  // N x 1, or N x C
  if (!mapping) return y.squeeze(1);
  const auto of_class = mapping->forward({}, labels, pass);
  return (y * of_class).sum(1) * (1 / std::sqrt(static_cast<double>(of_class.size(1))));
}

std::vector<torch::Tensor> StyleGan2DiscriminatorImpl::first_parameters(int64_t layers) const {
  std::vector<torch::Tensor> parameters;
  for (const auto& block : blocks)
    for (const auto& layer : {block->fromrgb, block->conv0, block->conv1, block->skip}) {
      if (!layer || layers-- <= 0) continue;
      const auto own = layer->parameters();
      parameters.insert(parameters.end(), own.begin(), own.end());
    }
  return parameters;
}

}  // namespace fqgan
