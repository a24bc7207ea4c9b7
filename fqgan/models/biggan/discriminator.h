// BigGAN's projection discriminator (Miyato and Koyama 2018) with a tap after every block, before attention, as in
// YangNaruto/FQ-GAN's FQ-BigGAN/BigGAN.py. Taps: "block0", "block1", ...
#pragma once

#include "fqgan/models/biggan/options.h"
#include "fqgan/nn/minibatch_discrimination.h"
#include "fqgan/nn/self_attention.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

/// N x Ci x H x W -> N x Co x H' x W': (ReLU) - 3x3 - ReLU - 3x3 (down), plus a 1x1 (down) shortcut where the channels
/// or the size change. The first block has no ReLU before it.
struct DiscriminatorBlockImpl : torch::nn::Module {
  DiscriminatorBlockImpl(int64_t in, int64_t out, bool first, bool down, WeightOptions weight, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);

  Conv2d conv1{nullptr}, conv2{nullptr}, shortcut{nullptr};
};
TORCH_MODULE(DiscriminatorBlock);

struct BigGanDiscriminatorImpl : torch::nn::Module {
  BigGanDiscriminatorImpl(const BigGanOptions& options, const BigGanPlan& plan, Streams& random);
  /// images: N x C x H x W, labels: N int64 or undefined -> logits N, in float32 (float64 for float64 images).
  torch::Tensor forward(const torch::Tensor& images, const torch::Tensor& labels, Pass& pass);

  std::vector<DiscriminatorBlock> blocks;
  std::map<size_t, SelfAttention> attention;
  std::shared_ptr<Taps> taps;
  MinibatchDiscrimination minibatch{nullptr};
  double input_noise, noise;
  Linear linear{nullptr};
  Embedding projection{nullptr};  // classes x C; null without classes
};
TORCH_MODULE(BigGanDiscriminator);

}  // namespace fqgan
