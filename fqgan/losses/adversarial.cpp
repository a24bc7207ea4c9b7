// The table of adversarial losses; a new loss adds one line.
#include "fqgan/losses/adversarial.h"

#include <ATen/ATen.h>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

at::Tensor hinge_discriminator(const at::Tensor& real, const at::Tensor& fake) {
  return at::relu(1 - real).mean() + at::relu(1 + fake).mean();
}
at::Tensor minus_mean(const at::Tensor& fake) { return -fake.mean(); }

at::Tensor saturating_discriminator(const at::Tensor& real, const at::Tensor& fake) {
  return at::softplus(-real).mean() + at::softplus(fake).mean();
}
at::Tensor non_saturating_generator(const at::Tensor& fake) { return at::softplus(-fake).mean(); }

at::Tensor squared_discriminator(const at::Tensor& real, const at::Tensor& fake) {
  return (real - 1).pow(2).mean() + fake.pow(2).mean();
}
at::Tensor squared_generator(const at::Tensor& fake) { return (fake - 1).pow(2).mean(); }

at::Tensor critic(const at::Tensor& real, const at::Tensor& fake) { return fake.mean() - real.mean(); }

const AdversarialLoss table[] = {
    {"hinge", hinge_discriminator, minus_mean},
    {"non_saturating", saturating_discriminator, non_saturating_generator},
    {"lsgan", squared_discriminator, squared_generator},
    {"wasserstein", critic, minus_mean},
};

}  // namespace

const AdversarialLoss& adversarial_loss(const std::string& name) {
  for (const auto& entry : table)
    if (entry.name == name) return entry;
  fail("loss",
       "expected the name of an adversarial loss, got '" + name + "'" + suggestion(name, adversarial_loss_names()));
}

std::vector<std::string> adversarial_loss_names() {
  std::vector<std::string> names;
  for (const auto& entry : table) names.push_back(entry.name);
  return names;
}

}  // namespace fqgan
