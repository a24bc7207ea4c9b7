// Feature matching ("Improved Techniques for Training GANs", section 3.1): the generator's images should have the same
// mean features as real images.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// real, fake: N x ... features of one tap (N may differ) -> a scalar: the mean over features of (E real - E fake)^2
/// ("squared", as openai/improved-gan for MNIST) or of |E real - E fake| ("l1", for CIFAR-10). No gradient reaches
/// `real`. Errors: UserError for an unknown distance or features of different shapes.
at::Tensor feature_matching(const at::Tensor& real, const at::Tensor& fake, const std::string& distance);
const std::vector<std::string>& feature_distances();

}  // namespace fqgan
