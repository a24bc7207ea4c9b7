// A ring of Gaussians and a small GAN that learns it, as a family of its own: how to plug a method into the library's
// training loop without a recipe. Points in the plane stand for images.
#pragma once

#include "coverage.h"
#include "fqgan/models/family.h"
#include "fqgan/models/techniques/feature_quantization.h"

namespace fqgan::example {

struct Method {
  std::string name;
  int64_t kernels = 0, dims = 2;  // minibatch discrimination before D's last layer; 0: none
  QuantizationOptions quantizer;  // of D's one tap, "features"
  double feature_matching = 0;    // weight in G's objective
  double adversarial = 1;         // weight in G's objective
  int64_t latent = 2;             // numbers that a point is made from
};

/// Non-saturating GAN: two hidden layers of 128 each, Adam with learning rate 1e-3 and beta1 0.5, batch 100. The
/// minibatch layer keeps its first scales: set by data, they follow the distance to the nearest neighbour, which is
/// tiny here, and points that are further apart would not feel each other.
///
/// Its generator gives points as N x 2 x 1 x 1 "images" (not clamped).
std::unique_ptr<Family> ring_family(const Ring& ring, const Method& method, uint64_t seed);

}  // namespace fqgan::example
