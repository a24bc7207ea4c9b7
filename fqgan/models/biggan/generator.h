// BigGAN's generator: a linear layer to a small map, residual blocks that double it, self-attention at chosen sizes.
// Matches BigGAN-PyTorch's BigGAN.Generator. The class enters as an index; the shared embedding is part of the network.
#pragma once

#include "fqgan/models/biggan/options.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/self_attention.h"
#include "fqgan/nn/virtual_batch_norm.h"

namespace fqgan {

/// N x Ci x H x W -> N x Co x 2H x 2W: BN - ReLU - (up) 3x3 - BN - ReLU - 3x3, plus (up) 1x1.
struct GeneratorBlockImpl : torch::nn::Module {
  GeneratorBlockImpl(int64_t in, int64_t out, const Condition& condition, WeightOptions weight, double epsilon,
                     Streams& random);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& condition, Pass& pass);

  BatchNorm norm1{nullptr}, norm2{nullptr};
  Conv2d conv1{nullptr}, conv2{nullptr}, shortcut{nullptr};
};
TORCH_MODULE(GeneratorBlock);

struct BigGanGeneratorImpl : torch::nn::Module {
  BigGanGeneratorImpl(const BigGanOptions& options, const BigGanPlan& plan, Streams& random);
  /// latents: N x Z (float32 or float64), labels: N int64 or undefined -> images N x C x H x W in [-1, 1], in the
  /// compute type, channels_last.
  torch::Tensor forward(const torch::Tensor& latents, const torch::Tensor& labels, Pass& pass);

  BigGanPlan plan;
  Embedding shared{nullptr};  // classes x width; null: each batch norm has its own embedding
  Linear linear{nullptr};
  std::vector<GeneratorBlock> blocks;
  std::map<size_t, SelfAttention> attention;  // by the index of the block before it
  BatchNorm norm{nullptr};
  Conv2d output{nullptr};
  ReferenceLatents reference{nullptr};  // with virtual batch normalization

 private:
  torch::Tensor make(const torch::Tensor& latents, const torch::Tensor& labels, Pass& pass);
  torch::Tensor condition_of(const torch::Tensor& latents, const torch::Tensor& labels, size_t block, Pass& pass);
};
TORCH_MODULE(BigGanGenerator);

}  // namespace fqgan
