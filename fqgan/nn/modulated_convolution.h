// StyleGAN2's modulated convolution (Karras et al. 2020, 'Analyzing and improving the image quality of StyleGAN',
// section 2.2): a style scales the input channels of the weight for each image, and demodulation brings the outputs
// back to a standard deviation of 1. Computed on the activations, which is the same: they are scaled before the
// convolution and after it, and the weight is shared by all images.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/nn/pass.h"
#include "fqgan/ops/bias_activation.h"

namespace fqgan {

/// N x C x H x W -> twice or half the size, with that filter and zeros beyond the border.
at::Tensor upsampled(const at::Tensor& x, Pass& pass);
at::Tensor downsampled(const at::Tensor& x, Pass& pass);

/// x: N x Ci x H x W, weight: Co x Ci x k x k, style: N x Ci or undefined (all ones) -> N x Co x H x W, with the end of
/// the layer, whose scale is the demodulation. With `up` the transposed convolution of stride 2 and the filter after
/// it: N x Co x 2H x 2W; a 3x3 weight is then laid over the map as in a convolution, else as in a correlation.
/// Differentiable to any order.
at::Tensor modulated_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& style, bool up,
                                 const ops::BiasActivation& end, Pass& pass);

/// x: N x Ci x H x W, weight: Co x Ci x k x k -> N x Co x H/2 x W/2: the filter, then the convolution of stride 2.
at::Tensor downsampling_convolution(const at::Tensor& x, const at::Tensor& weight, Pass& pass);

/// ops::bias_activation, or its reference implementation with pass.reference_operators.
at::Tensor activated(const at::Tensor& x, const ops::BiasActivation& end, Pass& pass);

/// The factors of the outputs, N x Co: 1 / sqrt(sum over inputs and kernel of (weight * style)^2 + 1e-8).
at::Tensor demodulation(const at::Tensor& weight, const at::Tensor& style);

}  // namespace fqgan
