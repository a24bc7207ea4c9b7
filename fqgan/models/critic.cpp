#include "fqgan/models/critic.h"

#include "fqgan/core/error.h"

namespace fqgan {

torch::Tensor Critic::operator()(const Batch& batch, Pass& pass) const {
  FQGAN_CHECK(network && batch.images.defined(), "a critic needs a network and images");
  auto outer = std::exchange(pass.network, name);
  const auto logits =
      augment && pass.training ? network({augment(batch.images, pass), batch.labels}, pass) : network(batch, pass);
  pass.network = std::move(outer);
  return logits;
}

torch::Tensor Critic::features(const std::string& tap, const Batch& batch, Role role, Step& step) const {
  torch::NoGradGuard no_grad;
  auto pass = step.pass({{role, batch.images.size(0)}});
  pass.update_state = false;
  pass.keep = {tap};
  (*this)(batch, pass);
  return pass.features.at(tap);
}

void Critic::initialise(const Batch& batch, Role role, Step& step) const {
  torch::NoGradGuard no_grad;
  auto pass = step.pass({{role, batch.images.size(0)}});
  pass.initialise = true;
  pass.update_state = false;
  (*this)(batch, pass);
}

}  // namespace fqgan
