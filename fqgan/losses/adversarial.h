// Adversarial objectives: logits in, a scalar out.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// The discriminator's and the generator's side of one objective. real, fake: logits of any shape, float32 or float64.
struct AdversarialLoss {
  std::string name;
  at::Tensor (*discriminator)(const at::Tensor& real, const at::Tensor& fake);
  at::Tensor (*generator)(const at::Tensor& fake);
};

/// hinge (Lim and Ye 2017; Tran et al. 2017): D mean max(0, 1 - real) + mean max(0, 1 + fake), G -mean fake.
/// Errors: UserError for an unknown name.
const AdversarialLoss& adversarial_loss(const std::string& name);
std::vector<std::string> adversarial_loss_names();

}  // namespace fqgan
