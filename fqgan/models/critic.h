// The one door to a discriminator: augmentation, then the network with its taps. Losses, penalties, scoring, feature
// matching and data-dependent initialisation all go through it, so that what stands before D stands in one place.
#pragma once

#include <functional>
#include <string>

#include "fqgan/models/family.h"

namespace fqgan {

struct Critic {
  /// images N x C x H x W in [-1, 1], labels int64 N or undefined -> logits. Empty images are an internal error.
  std::function<torch::Tensor(const Batch& batch, Pass& pass)> network;
  /// In front of the network, in training passes only; empty: none. N x C x H x W -> the same.
  std::function<torch::Tensor(const torch::Tensor& images, Pass& pass)> augment;
  /// Where a family has several: the network's name, which its taps then carry ("global_a/block0").
  std::string name;

  torch::Tensor operator()(const Batch& batch, Pass& pass) const;
  /// Features at a tap (without the network's name), of a training pass that neither records nor changes any state.
  torch::Tensor features(const std::string& tap, const Batch& batch, Role role, Step& step) const;
  /// Data-dependent initialisation of whatever in the network has one: weight normalization, minibatch discrimination,
  /// a first dictionary of k-means centres.
  void initialise(const Batch& batch, Role role, Step& step) const;
};

}  // namespace fqgan
