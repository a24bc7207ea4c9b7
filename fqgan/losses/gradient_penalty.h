// The gradient penalty of WGAN-GP (Gulrajani et al. 2017, equation 3).
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

/// real, fake: N x C x H x W of one shape; fraction: N, uniform in [0, 1) -> fraction * real + (1 - fraction) * fake, a
/// leaf that requires gradients.
at::Tensor between(const at::Tensor& real, const at::Tensor& fake, const at::Tensor& fraction);

/// mean over images of (|d logit / d image| - 1)^2. logits: N, made from `images` by twice differentiable operators.
at::Tensor gradient_penalty(const at::Tensor& logits, const at::Tensor& images);

}  // namespace fqgan
