// The 3x3 convolutions of StyleGAN2 that change the size of the map, together with its resampling filter (Karras et al.
// 2020; NVlabs/stylegan2-ada-pytorch, torch_utils/ops/conv2d_resample.py).
//
// The filter [1, 3, 3, 1] is [1, 1] followed by [1, 2, 1]. Zeros between the pixels and [1, 1] are nearest upsampling,
// and [1, 1] with every second pixel is averaging; both are folded into our convolutions (ops/convolution.h). What is
// left is the filter [1, 2, 1]. It reaches one pixel beyond the map, for which the convolutions have a border.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "fqgan/ops/bias_activation.h"
#include "fqgan/ops/convolution.h"

namespace fqgan::ops {

/// The taps of StyleGAN2's resampling filter: [1, 3, 3, 1] / 8.
const std::vector<double>& style_gan_taps();

/// x: N x Ci x H x W, weight: Co x Ci x 3 x 3. Up: the transposed convolution of stride 2 with the weight (laid over
/// the map as in a convolution) and the filter with a gain of 4 -> N x Co x 2H x 2W. Down: the filter, then the
/// convolution of stride 2 (as a correlation) -> N x Co x H/2 x W/2. Zeros lie beyond the map. Differentiable to any
/// order. Where there are no kernels for x's type or channels, the sequence of the reference runs.
at::Tensor filtered_convolution(const at::Tensor& x, const at::Tensor& weight, Resample form);

/// A layer of StyleGAN2's synthesis: bias_activation(convolution(x * style, weight), end), and with
/// filtered_convolution(x * style, weight, up). style: N x Ci. Fewer passes over the maps inside of
/// torch::NoGradGuard; otherwise that sequence.
at::Tensor styled_convolution(const at::Tensor& x, const at::Tensor& style, const at::Tensor& weight,
                              const BiasActivation& end);
at::Tensor styled_upsampling(const at::Tensor& x, const at::Tensor& style, const at::Tensor& weight,
                             const BiasActivation& end);

namespace reference {
/// NVIDIA's sequence: the convolution of stride 2 on a map that is one pixel larger, and the filter of four taps.
at::Tensor filtered_convolution(const at::Tensor& x, const at::Tensor& weight, Resample form);
}  // namespace reference

}  // namespace fqgan::ops
