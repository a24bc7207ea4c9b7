#include "fqgan/pretrained/efficientnet_lite.h"

#include <cmath>

namespace fqgan {
namespace {

constexpr double lite_epsilon = 0.001;
constexpr int64_t stem_width = 32;  // the same for all sizes

/// A stage of lite0: `repeats` blocks, of which the first has the stride.
struct Stage {
  int64_t repeats, kernel, stride, expansion, out;
};
constexpr Stage stages[] = {{1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80},
                            {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};

/// A multiple of 8, at least 0.9 of the exact number.
int64_t scaled_width(int64_t width, double factor) {
  const double exact = static_cast<double>(width) * factor;
  const auto rounded = std::max<int64_t>(8, static_cast<int64_t>(exact + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * exact ? rounded + 8 : rounded;
}

}  // namespace

const std::vector<EfficientNetLiteSize>& efficientnet_lite_sizes() {
  static const std::vector<EfficientNetLiteSize> sizes = {
      {"efficientnet-lite0", 1.0, 1.0}, {"efficientnet-lite1", 1.0, 1.1}, {"efficientnet-lite2", 1.1, 1.2}};
  return sizes;
}

FrozenConvolution EfficientNetLiteImpl::add(const std::string& name, const FoldedWeights& folded,
                                            const FrozenConvolutionOptions& options) {
  return register_module(name, FrozenConvolution(folded.weight, folded.bias, options));
}

void EfficientNetLiteImpl::add_block(StateDict& weights, const BlockShape& s) {
  const auto number = std::to_string(blocks_.size());
  const auto key = "_blocks." + number + ".", name = "block" + number + "_";
  const auto inner = s.in * s.expansion;
  Block block;
  int norm = 0;
  const auto take = [&](const char* convolution, at::IntArrayRef shape) {
    return weights.take_folded(key + convolution, key + "_bn" + std::to_string(norm++), shape, lite_epsilon);
  };
  if (s.expansion > 1)
    block.expand = add(name + "expand", take("_expand_conv", {inner, s.in, 1, 1}), {.activation = Activation::relu6});
  else
    norm = 1;  // the keys count the missing one
  const FrozenConvolutionOptions depthwise{s.stride,
                                           s.kernel / 2,
                                           s.kernel / 2,
                                           inner,
                                           Activation::relu6,
                                           /*same=*/s.stride == 2};
  block.depthwise = add(name + "depthwise", take("_depthwise_conv", {inner, 1, s.kernel, s.kernel}), depthwise);
  block.project = add(name + "project", take("_project_conv", {s.out, inner, 1, 1}), {});
  block.adds_input = s.stride == 1 && s.in == s.out;
  blocks_.push_back(block);
}

EfficientNetLiteImpl::EfficientNetLiteImpl(const EfficientNetLiteSize& size, StateDict& weights) {
  const FrozenConvolutionOptions strided{.stride = 2, .activation = Activation::relu6, .same = true};
  stem_ = add("stem", weights.take_folded("_conv_stem", "_bn0", {stem_width, 3, 3, 3}, lite_epsilon), strided);
  int64_t in = stem_width;
  for (const auto& stage : stages) {
    const auto out = scaled_width(stage.out, size.width);
    const bool fixed = &stage == std::begin(stages) || &stage == std::end(stages) - 1;
    const auto exact = static_cast<double>(stage.repeats) * size.depth;
    const auto repeats = fixed ? stage.repeats : static_cast<int64_t>(std::ceil(exact));
    for (int64_t i = 0; i < repeats; ++i, in = out)
      add_block(weights, {in, out, stage.kernel, i == 0 ? stage.stride : 1, stage.expansion});
  }
  head_ = add("head", weights.take_folded("_conv_head", "_bn1", {efficientnet_lite_features, in, 1, 1}, lite_epsilon),
              {.activation = Activation::relu6});
  fc_weight =
      register_buffer("fc_weight", weights.take("_fc.weight", {efficientnet_lite_logits, efficientnet_lite_features}));
  fc_bias = register_buffer("fc_bias", weights.take("_fc.bias", {efficientnet_lite_logits}));
}

torch::Tensor EfficientNetLiteImpl::run(Block& block, const torch::Tensor& x) {
  const auto expanded = block.expand ? block.expand->forward(x) : x;
  const auto y = block.project->forward(block.depthwise->forward(expanded));
  return block.adds_input ? y + x : y;
}

std::vector<torch::Tensor> EfficientNetLiteImpl::maps(const torch::Tensor& images) {
  std::vector<torch::Tensor> maps;
  auto x = stem_->forward(images);
  for (auto& block : blocks_) {
    // A smaller map follows: the last one of the old size is kept. That of half the images' size is not.
    if (block.depthwise->options.stride == 2 && x.size(2) < images.size(2) / 2) maps.push_back(x);
    x = run(block, x);
  }
  maps.push_back(x);
  return maps;
}

EfficientNetLiteImpl::Output EfficientNetLiteImpl::forward(const torch::Tensor& x) {
  const auto features = head_->forward(maps(x).back()).to(at::kFloat).mean({2, 3});
  return {features, at::linear(features, fc_weight, fc_bias)};
}

}  // namespace fqgan
