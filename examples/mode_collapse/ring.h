// A small GAN that learns a ring of Gaussians. It is a family outside of the library and shows how a program uses the
// training loop without a recipe. Points in the plane take the place of images.
#pragma once

#include "coverage.h"
#include "fqgan/models/family.h"
#include "fqgan/models/techniques/feature_quantization.h"

namespace fqgan::example {

struct Method {
  std::string name;
  int64_t kernels = 0, dims = 2;  // minibatch discrimination before D's last layer; 0: none
  QuantizationOptions quantizer;  // of the only tap of D, "features"
  double feature_matching = 0;    // weight in G's objective
  double adversarial = 1;         // weight in G's objective
  int64_t latent = 2;             // width of the latent
};

/// A non-saturating GAN: two hidden layers of 128 units each, Adam with learning rate 1e-3 and beta1 0.5, batch 100.
/// The data do not set the scales of minibatch discrimination: they would follow the distance to the nearest neighbour,
/// which is tiny here, and points that are further apart would not influence each other.
///
/// The generator returns points as N x 2 x 1 x 1 "images" (not clamped).
std::unique_ptr<Family> ring_family(const Ring& ring, const Method& method, uint64_t seed);

}  // namespace fqgan::example
