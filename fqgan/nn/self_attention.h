// Self-attention over the positions of a feature map (Zhang et al. 2019, SA-GAN), in the form of BigGAN-PyTorch's
// layers.Attention: keys and values from a 2x2 max-pooled map, a learned gain that starts at zero.
#pragma once

#include "fqgan/nn/layers.h"

namespace fqgan {

struct SelfAttentionImpl : torch::nn::Module {
  /// channels >= 8; height and width must be even.
  SelfAttentionImpl(int64_t channels, WeightOptions weight, Streams& random);
  /// N x C x H x W -> the same shape.
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);

  Conv2d query{nullptr}, key{nullptr}, value{nullptr}, output{nullptr};
  torch::Tensor gain;
};
TORCH_MODULE(SelfAttention);

}  // namespace fqgan
