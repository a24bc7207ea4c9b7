// Adversarial losses: from logits to a scalar.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// The discriminator's and the generator's loss. real, fake: logits of any shape, float32 or float64.
struct AdversarialLoss {
  std::string name;
  at::Tensor (*discriminator)(const at::Tensor& real, const at::Tensor& fake);
  at::Tensor (*generator)(const at::Tensor& fake);
};

/// hinge (Lim and Ye 2017; Tran et al. 2017): D mean max(0, 1 - real) + mean max(0, 1 + fake), G -mean fake.
/// non_saturating (Goodfellow et al. 2014): D mean softplus(-real) + mean softplus(fake), G mean softplus(-fake).
/// lsgan (Mao et al. 2017): D mean (real - 1)^2 + mean fake^2, G mean (fake - 1)^2.
/// wasserstein (Arjovsky et al. 2017): D mean fake - mean real, G -mean fake; use it with a gradient penalty.
/// Errors: UserError for an unknown name.
const AdversarialLoss& adversarial_loss(const std::string& name);
std::vector<std::string> adversarial_loss_names();

}  // namespace fqgan
