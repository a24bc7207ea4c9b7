// Label smoothing of the discriminator's cross-entropy ("Improved Techniques for Training GANs", section 3.4): softer
// targets than 1 for real and 0 for generated images. One-sided label smoothing changes only the first, to 0.9. If both
// are changed, the optimum is D(x) = (real p_data + fake p_model) / (p_data + p_model); its second term reinforces the
// generator's errors, so the paper advises against it.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

struct LabelTargets {
  double real = 1, fake = 0;  // in [0, 1]
  bool smoothed() const { return real != 1 || fake != 0; }
};

/// real, fake: logits of any shape, float32 or float64 -> a scalar, the mean cross-entropy of the real ones plus the
/// mean of the fake ones, each E[softplus(-l) + (1 - target) l]. Without smoothing it is the non-saturating loss of D.
at::Tensor cross_entropy(const at::Tensor& real, const at::Tensor& fake, const LabelTargets& targets);

}  // namespace fqgan
