// The end of StyleGAN2's layers in one operator: scale, noise, bias, leaky ReLU, gain and clamp
// (NVlabs/stylegan2-ada-pytorch, torch_utils/ops/bias_act.py; demodulation and noise from training/networks.py).
// Registered as torch.ops.fqgan.bias_activation.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan::ops {

struct BiasActivation {
  at::Tensor bias;   // C, or undefined
  at::Tensor scale;  // N x C, or undefined: a factor of each image's channels, before all else
  at::Tensor noise;  // N x 1 x H x W or 1 x 1 x H x W, or undefined: added after the scale
  double slope = 1;  // of negative values (at zero too); 1: no activation
  double gain = 1;   // after the activation
  double clamp = 0;  // the result is limited to [-clamp, clamp]; 0: no limit
};

/// The leaky ReLU of StyleGAN2: slope 0.2, gain sqrt(2) times `gain`, and a clamp that grows with `gain`.
BiasActivation leaky_relu(double gain, double clamp);

/// x: N x C x H x W, or N x C without scale and noise -> clamp(gain * leaky(x * scale + noise + bias)), in x's type.
/// Differentiable to any order; clamped values have no gradient. Errors: UserError for shapes that do not fit.
at::Tensor bias_activation(const at::Tensor& x, const BiasActivation& a);

namespace reference {
/// The plain sequence of operators, differentiable to any order.
at::Tensor bias_activation(const at::Tensor& x, const BiasActivation& a);
}  // namespace reference

}  // namespace fqgan::ops
