// The permutation-invariant pair of networks that openai/improved-gan trains on MNIST
// (train_mnist_feature_matching.py): images as vectors of numbers in [0, 1].
#pragma once

#include "fqgan/models/improved/options.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/taps.h"
#include "fqgan/nn/weight_norm.h"

namespace fqgan {

/// "hidden1", ...: the ReLU's output of a hidden layer, before its noise.
std::string hidden_tap(size_t layer);

/// N x Z uniform latents -> N x C x H x W in [-1, 1]: per hidden layer linear, batch norm without gain, softplus; then
/// a sigmoid of a linear layer whose rows have unit length times a learnt scale.
struct DenseGeneratorImpl : torch::nn::Module {
  DenseGeneratorImpl(const ImprovedGeneratorOptions& options, const DataInfo& data, Streams& random);
  torch::Tensor forward(const torch::Tensor& latents, Pass& pass);

 private:
  std::vector<Linear> hidden_;
  std::vector<BatchNorm> norms_;
  WeightNormLinear output_{nullptr};
  int64_t channels_, height_, width_;
};
TORCH_MODULE(DenseGenerator);

/// N x C x H x W in [-1, 1] -> N x K logits: noise, then weight-normalised layers with ReLU, noise after each.
struct DenseDiscriminatorImpl : torch::nn::Module {
  DenseDiscriminatorImpl(const ImprovedDiscriminatorOptions& options, const DataInfo& data, Streams& random);
  torch::Tensor forward(const torch::Tensor& images, Pass& pass);

  std::shared_ptr<Taps> taps;

 private:
  std::vector<WeightNormLinear> hidden_;
  WeightNormLinear output_{nullptr};
  double input_noise_, noise_;
};
TORCH_MODULE(DenseDiscriminator);

}  // namespace fqgan
