// EfficientNet-lite (Tan and Le 2019; the "lite" variant has no squeeze and excitation, and ReLU6): a classifier of
// ImageNet's 1,000 classes. Matches the Python package efficientnet-lite-pytorch, with its key names. All of it is
// differentiable in the image, so that a discriminator may use its maps too.
#pragma once

#include <string>
#include <vector>

#include "fqgan/pretrained/state_dict.h"

namespace fqgan {

/// The factors by which lite0 grows.
struct EfficientNetLiteSize {
  std::string name;  // "efficientnet-lite0"
  double width, depth;
};
/// lite0 to lite2, of which packages have the weights.
const std::vector<EfficientNetLiteSize>& efficientnet_lite_sizes();

inline constexpr int64_t efficientnet_lite_features = 1280, efficientnet_lite_logits = 1000;

struct EfficientNetLiteImpl : torch::nn::Module {
  /// Problems are left in `weights`; call its finish().
  EfficientNetLiteImpl(const EfficientNetLiteSize& size, StateDict& weights);

  struct Output {
    torch::Tensor features;  // N x 1280 float32: means over the last map
    torch::Tensor logits;    // N x 1000 float32
  };
  /// x: N x 3 x H x W, (pixel - 127) / 128, float32 or bfloat16; H, W >= 32.
  Output forward(const torch::Tensor& x);
  /// The maps of the four sizes 1/4, 1/8, 1/16 and 1/32 of the images, the last of each: N x C x H / s x W / s.
  std::vector<torch::Tensor> maps(const torch::Tensor& x);

  torch::Tensor fc_weight, fc_bias;  // 1000 x 1280, 1000

 private:
  struct Block {
    FrozenConvolution expand{nullptr}, depthwise{nullptr}, project{nullptr};  // the first block expands nothing
    bool adds_input = false;
  };
  struct BlockShape {
    int64_t in, out, kernel, stride, expansion;
  };
  FrozenConvolution add(const std::string& name, const FoldedWeights& folded, const FrozenConvolutionOptions& options);
  void add_block(StateDict& weights, const BlockShape& shape);
  static torch::Tensor run(Block& block, const torch::Tensor& x);

  FrozenConvolution stem_{nullptr}, head_{nullptr};
  std::vector<Block> blocks_;
};
TORCH_MODULE(EfficientNetLite);

}  // namespace fqgan
