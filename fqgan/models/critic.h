// The one way to call a discriminator: augmentation, then the network with its taps. Losses, penalties, scoring,
// feature matching and data-dependent initialisation all use it, so that augmentation is in one place.
#pragma once

#include <functional>
#include <string>

#include "fqgan/models/family.h"

namespace fqgan {

struct Critic {
  /// images N x C x H x W in [-1, 1], labels int64 N or undefined -> logits. Errors: InternalError without images.
  std::function<torch::Tensor(const Batch& batch, Pass& pass)> network;
  /// Augmentation before the network, in training passes only; empty: none. N x C x H x W -> the same.
  std::function<torch::Tensor(const torch::Tensor& images, Pass& pass)> augment;
  /// The network's name, which prefixes its taps ("global_a/block0"), if a family has several discriminators.
  std::string name;

  torch::Tensor operator()(const Batch& batch, Pass& pass) const;
  /// Features at a tap (named without the network's name) in a training pass without gradients and state changes.
  torch::Tensor features(const std::string& tap, const Batch& batch, Role role, Step& step) const;
  /// Data-dependent initialisation of all parts of the network that have one: weight normalization, minibatch
  /// discrimination, a dictionary that starts from k-means centres.
  void initialise(const Batch& batch, Role role, Step& step) const;
};

}  // namespace fqgan
