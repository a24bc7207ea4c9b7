// A ring of Gaussians and a small GAN that learns it, as a family of its own: how to plug a method into the library's
// training loop without a recipe. Points in the plane stand for images.
#pragma once

#include "fqgan/models/family.h"

namespace fqgan::example {

/// `modes` normal distributions of this deviation, their centres evenly on a circle.
struct Ring {
  int64_t modes = 8;
  double radius = 2, deviation = 0.02;
  torch::Tensor centres() const;  // modes x 2
  /// N x 2 points, each mode as likely.
  torch::Tensor draw(int64_t count, Streams& random) const;
};

/// What a generator has learnt of the ring, by the usual convention (Srivastava et al. 2017; Lin et al. 2018): a point
/// is good when it lies within three deviations of a centre; a mode is covered when a good point is its own.
struct Coverage {
  int64_t modes;  // covered
  double good;    // share of the points
};
Coverage coverage(const torch::Tensor& points, const Ring& ring);

struct Method {
  std::string name;
  bool minibatch = false;       // minibatch discrimination before D's last layer
  bool quantized = false;       // feature quantization of D's last features
  double feature_matching = 0;  // weight in G's objective
  double adversarial = 1;       // weight in G's objective
};

/// Non-saturating GAN: two hidden layers of 128 each, Adam with learning rate 1e-3 and beta1 0.5, batch 100, latents of
/// two numbers. The minibatch layer keeps its first scales: set by data, they follow the distance to the nearest
/// neighbour, which is tiny here, and points that are further apart would not feel each other.
/// Family::sampler gives points as N x 2 x 1 x 1 "images" (not clamped).
std::unique_ptr<Family> ring_family(const Ring& ring, const Method& method, uint64_t seed);

}  // namespace fqgan::example
