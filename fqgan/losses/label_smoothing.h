// Label smoothing of the discriminator's cross-entropy ("Improved Techniques for Training GANs", section 3.4): softer
// targets than 1 for real and 0 for generated images. One-sided smoothing moves the first alone, to 0.9; with both
// moved the optimum is D(x) = (real p_data + fake p_model) / (p_data + p_model), whose second term feeds the
// generator's errors back, which is why the paper advises against it.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

struct LabelTargets {
  double real = 1, fake = 0;  // in [0, 1]
  bool smoothed() const { return real != 1 || fake != 0; }
};

/// real, fake: logits of any shape, float32 or float64 -> mean cross-entropy of the real ones plus that of the fake
/// ones, a scalar: E[softplus(-l) + (1 - target) l] each. Without smoothing: the non-saturating game's loss of D.
at::Tensor cross_entropy(const at::Tensor& real, const at::Tensor& fake, const LabelTargets& targets);

}  // namespace fqgan
