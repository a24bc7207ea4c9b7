// StyleGAN2's discriminator, with a tap after every block. Names of parameters as in NVlabs/stylegan2-ada-pytorch.
// Taps: "b32", "b16", ..., the blocks' inputs' resolutions; FQ-GAN's --discrete_layer 45 is "b16" and "b32".
#pragma once

#include "fqgan/models/stylegan2/mapping.h"
#include "fqgan/models/stylegan2/options.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

/// A convolution with an equalized learning rate: 3x3 or 1x1, perhaps downsampling, with or without bias and leaky
/// ReLU.
struct StyleGan2Convolution {
  int64_t in, out, kernel = 3;
  bool down = false, bias = true, active = true;
  double clamp = 0;
};
struct DiscriminatorLayerImpl : WeightedLayer {
  DiscriminatorLayerImpl(const StyleGan2Convolution& shape, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass, double gain = 1);
  StyleGan2Convolution shape;
  torch::Tensor bias;
};
TORCH_MODULE(DiscriminatorLayer);

/// N x Ci x H x W -> N x Co x H/2 x W/2
struct StyleGan2DiscriminatorBlockImpl : torch::nn::Module {
  StyleGan2DiscriminatorBlockImpl(const StyleGan2Options& options, const StyleGan2Plan& plan, size_t level,
                                  Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);
  DiscriminatorLayer fromrgb{nullptr};  // only in the first block
  DiscriminatorLayer conv0{nullptr}, conv1{nullptr};
  DiscriminatorLayer skip{nullptr};  // null in the architecture "orig"
};
TORCH_MODULE(StyleGan2DiscriminatorBlock);

/// N x C x 4 x 4 -> N x outputs, in the parameters' type.
struct DiscriminatorEndImpl : torch::nn::Module {
  DiscriminatorEndImpl(const StyleGan2Options& options, const StyleGan2Plan& plan, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);
  int64_t group, group_channels;
  DiscriminatorLayer conv{nullptr};
  Linear fc{nullptr}, out{nullptr};
};
TORCH_MODULE(DiscriminatorEnd);

struct StyleGan2DiscriminatorImpl : torch::nn::Module {
  StyleGan2DiscriminatorImpl(const StyleGan2Options& options, const StyleGan2Plan& plan, Streams& random);
  /// images: N x C x H x W, labels: int64 N or undefined -> logits N, in float32 (float64 for float64 parameters).
  torch::Tensor forward(const torch::Tensor& images, const torch::Tensor& labels, Pass& pass);

  /// The parameters of the first layers, counted from the image as NVIDIA's --freezed does: in each block fromrgb,
  /// conv0, conv1, skip.
  std::vector<torch::Tensor> first_parameters(int64_t layers) const;

  std::vector<StyleGan2DiscriminatorBlock> blocks;
  std::shared_ptr<Taps> taps;
  DiscriminatorEnd end{nullptr};  // named "b4"
  Mapping mapping{nullptr};       // null without classes
};
TORCH_MODULE(StyleGan2Discriminator);

}  // namespace fqgan
