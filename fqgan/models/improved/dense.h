// The permutation-invariant pair of networks that openai/improved-gan trains on MNIST
// (train_mnist_feature_matching.py): images as vectors of numbers in [0, 1].
#pragma once

#include "fqgan/models/improved/layers.h"
#include "fqgan/models/improved/networks.h"

namespace fqgan {

/// Each hidden layer is linear, batch norm without gain, softplus; the output is a sigmoid of a linear layer whose rows
/// have unit length times a learnt scale.
struct DenseGenerator : ImprovedGenerator {
  DenseGenerator(const ImprovedOptions& options, const DataInfo& data, Streams& random);

 protected:
  torch::Tensor make(const torch::Tensor& latents, Pass& pass) override;

 private:
  std::vector<Linear> hidden_;
  std::vector<BatchNorm> norms_;
  Linear output_{nullptr};
  int64_t channels_, height_, width_;
};

/// Noise, then weight-normalised layers with ReLU and noise after each. Taps "hidden1", "hidden2", ... are the outputs
/// of the ReLU, before the noise.
struct DenseDiscriminator : ImprovedDiscriminator {
  DenseDiscriminator(const ImprovedOptions& options, const DataInfo& data, Streams& random);
  torch::Tensor forward(const torch::Tensor& images, Pass& pass) override;

 private:
  std::vector<Linear> hidden_;
  ClassifierHead head_{nullptr};
  ImprovedDiscriminatorOptions options_;
};

}  // namespace fqgan
