// The convolutional pair of networks that openai/improved-gan trains on CIFAR-10 and SVHN
// (train_{cifar,svhn}_{feature_matching,minibatch_discrimination}.py).
#pragma once

#include "fqgan/models/improved/layers.h"
#include "fqgan/models/improved/networks.h"

namespace fqgan {

/// A linear layer to the first map with batch norm of each element and ReLU, then 5x5 transposed convolutions of stride
/// 2 with batch norm and ReLU; the last one is weight-normalised and followed by tanh instead.
struct ConvolutionalGenerator : ImprovedGenerator {
  ConvolutionalGenerator(const ImprovedOptions& options, const DataInfo& data, Streams& random);

 protected:
  torch::Tensor make(const torch::Tensor& latents, Pass& pass) override;

 private:
  std::vector<int64_t> first_map_;  // channels, height, width
  Linear linear_{nullptr};
  std::vector<Conv2d> doublings_;
  std::vector<BatchNorm> norms_;
  Conv2d output_{nullptr};
};

/// Three stages of three weight-normalised convolutions with leaky ReLU 0.2. The first two stages have 3x3 kernels and
/// a stride of 2 in the third convolution; the last stage is 3x3 without padding and two 1x1. Then the mean over
/// positions and the head. Noise and dropout act on the images and after the first two stages. Taps: "stage1",
/// "stage2", "stage3" (before the noise) and "pooled".
struct ConvolutionalDiscriminator : ImprovedDiscriminator {
  ConvolutionalDiscriminator(const ImprovedOptions& options, const DataInfo& data, Streams& random);
  torch::Tensor forward(const torch::Tensor& images, Pass& pass) override;

 private:
  std::vector<Conv2d> convolutions_;
  ClassifierHead head_{nullptr};
  ImprovedDiscriminatorOptions options_;
};

}  // namespace fqgan
