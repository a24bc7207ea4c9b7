// The kernels of bias_activation on the processor.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <tuple>

namespace fqgan::ops::cpu {

struct ActivationNumbers {
  double slope, gain, clamp;
};

/// Bits of `wanted`: the gradients that are computed.
enum ActivationGradient { of_x = 1, of_scale = 2, of_noise = 4, of_bias = 8 };
using ActivationGradients = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;  // of x, scale, noise, bias

/// x: float32 or bfloat16; the others as in bias_activation.h.
at::Tensor bias_activation(const at::Tensor& x, const std::optional<at::Tensor>& scale,
                           const std::optional<at::Tensor>& noise, const std::optional<at::Tensor>& bias,
                           const ActivationNumbers& numbers);
/// Applies bias_activation to one row of a map, W x C values, in place. x: the whole map, N x C x H x W.
std::function<void(int64_t image, int64_t row, void* values)> activation_of_rows(const at::Tensor& x,
                                                                                 const std::optional<at::Tensor>& scale,
                                                                                 const std::optional<at::Tensor>& noise,
                                                                                 const std::optional<at::Tensor>& bias,
                                                                                 const ActivationNumbers& numbers);

/// y: the result; x is only read for the gradient of scale. The gradients are N x C, N x 1 x H x W and C, float32;
/// undefined where they are not wanted.
ActivationGradients bias_activation_backward(const at::Tensor& gradient, const at::Tensor& y, const at::Tensor& x,
                                             const std::optional<at::Tensor>& scale, int64_t wanted,
                                             const ActivationNumbers& numbers);

}  // namespace fqgan::ops::cpu
