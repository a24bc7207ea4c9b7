// Feature matching ("Improved Techniques for Training GANs", section 3.1): the generator makes features of the same
// mean as those of real images.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// real, fake: N x ... features of one tap (N may differ) -> a scalar: the mean over features of (E real - E fake)^2
/// ("squared", the released MNIST code) or of |E real - E fake| ("l1", its CIFAR-10 code). No gradient reaches `real`.
/// Errors: UserError for another distance or other features.
at::Tensor feature_matching(const at::Tensor& real, const at::Tensor& fake, const std::string& distance);
const std::vector<std::string>& feature_distances();

}  // namespace fqgan
