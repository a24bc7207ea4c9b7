// The convolution of the networks' blocks as one operator, registered as torch.ops.fqgan.convolution: ReLU before it,
// nearest upsampling before or 2x2 averaging behind, and a residual after, all folded in. On the processor bfloat16
// and float32 run on Winograd kernels (convolution_winograd.h) or, to and from images, on those of few channels
// (convolution_few.h), where they are the fastest; all else through LibTorch's convolutions, the resampling folded into
// a 4x4 kernel (convolution_folded.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "fqgan/ops/convolution_geometry.h"
#include "fqgan/ops/kernels/winograd.h"

namespace fqgan::ops {

using kernels::Resample;

/// What is convolved, besides the images.
struct Convolution {
  at::Tensor weight;                   // Co x Ci x k x k, k = 1 or 3; float32 beside bfloat16 images
  std::optional<at::Tensor> bias;      // Co, in the weight's type
  std::optional<at::Tensor> residual;  // N x Co x H' x W', or half of that height and width: upsampled
  Resample resample = Resample::none;
  bool relu = false;
  // Unset: stride 1 and k / 2 zeros on each side, which is the form of the operator. Set: any other form, with a weight
  // as convolution_geometry.h has it.
  std::optional<Geometry> geometry = std::nullopt;
  // Of a 3x3 kernel and resampling alone: the larger map has two more pixels on each side. Upsampled:
  // they are computed, as far as the weight reaches over the map. Averaged: they are read, instead of zeros.
  bool border = false;
};

/// x: N x Ci x H x W, float32, bfloat16 or float64 -> resample(weight * (relu(x))) + bias + residual, N x Co x H' x W'
/// with H' = 2 H (up), H / 2 (down) or H, with a border 2 H + 4 or H / 2 - 2, channels_last. Differentiable once in x,
/// weight, bias and residual: to differentiate its gradients is an error. Without ReLU and residual it is
/// differentiable to any order. With a geometry it is the plain form below, which has derivatives of any order.
/// Errors: UserError for shapes that do not fit.
at::Tensor convolution(const at::Tensor& x, const Convolution& c);

namespace reference {
/// The plain sequence of operators, differentiable to any order. The weight is cast to the images' type.
at::Tensor convolution(const at::Tensor& x, const Convolution& c);
}  // namespace reference

/// Pixels of the result along a side with so many.
int64_t resampled(int64_t size, Resample form, bool border);

}  // namespace fqgan::ops
