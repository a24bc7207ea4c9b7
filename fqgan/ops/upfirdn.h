// Resampling by a filter with finite impulse response, as StyleGAN2 does it (NVlabs/stylegan2-ada-pytorch,
// torch_utils/ops/upfirdn2d.py): zeros between the pixels, padding, a separable filter, and every n-th pixel of the
// result. Registered as torch.ops.fqgan.upfirdn.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "fqgan/ops/convolution_geometry.h"

namespace fqgan::ops {

struct Upfirdn {
  std::vector<double> taps;  // T values, the same for rows and columns
  int64_t up = 1, down = 1;  // up: each pixel is followed by up - 1 zeros; down: every down-th pixel, from the first
  Padding padding = {};      // zeros after that; negative: pixels are cut off
  double gain = 1;           // of the two-dimensional filter
  bool correlation = false;  // false: convolution, so that the taps are flipped before they are laid over the map
};

/// x: N x C x H x W, float32, bfloat16 or float64 -> N x C x H' x W' with
/// H' = (up H + top + bottom - T) / down + 1, channels_last if x is. Differentiable to any order: its gradient is the
/// same operator with up and down exchanged. Errors: UserError if nothing is left of the map.
at::Tensor upfirdn(const at::Tensor& x, const Upfirdn& filter);

namespace reference {
/// The plain sequence of operators, differentiable to any order.
at::Tensor upfirdn(const at::Tensor& x, const Upfirdn& filter);
}  // namespace reference

}  // namespace fqgan::ops
