// Resizes and normalizes images for a feature network, by the rule of the tool that defined a convention.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace fqgan {

/// How pixels are resampled; each direction by itself, in float32.
enum class Resampling {
  tensorflow1,     // bilinear, output i at i * in / out; torch-fidelity's interpolate_bilinear_2d_like_tensorflow1x
  half_pixel,      // bilinear, output i at (i + 1/2) * in / out - 1/2; PyTorch's interpolate, align_corners=False
  pillow_bicubic,  // antialiased, each channel as float32 (Pillow's mode "F"), clipped to 0..255; clean-fid's "clean"
};

struct NetworkInput {
  Resampling resampling;
  int64_t size;           // pixels of height and width
  double shift, divisor;  // (pixel - shift) / divisor
};

/// pixels: uint8 or float32 N x 3 x H x W, from 0 to 255, channels_last in memory -> float32 N x 3 x size x size,
/// channels_last. The same bits for any batch and number of threads.
at::Tensor network_input(const at::Tensor& pixels, const NetworkInput& rule);

/// The same for float32 pixels, with gradients in them and up to the rounding of float32: two matrix products. On the
/// device of the pixels.
at::Tensor differentiable_network_input(const at::Tensor& pixels, const NetworkInput& rule);

inline constexpr int64_t small_side = 16;  // pixels

/// The images at 16 x 16 pixels by Pillow's bicubic filter, rounded: uint8 N x 3 x H x W -> uint8 N x 768. In this
/// size, noise and small shifts hardly change an image, so that copies of an image are found by their pixels.
at::Tensor small_images(const at::Tensor& pixels);

}  // namespace fqgan
