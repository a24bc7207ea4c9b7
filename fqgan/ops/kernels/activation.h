// The kernels of ops/bias_activation.h over channels_last maps: y = clamp(gain * leaky(x * scale + noise + bias)).
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

struct LeakyActivation {
  float slope, gain, clamp;  // clamp: infinity without a limit
};

/// Positions of one image, each with its channels; all null pointers mean that there is none.
struct ActivationRows {
  int64_t positions, channels;
  bool bfloat16;
  const float* scale;  // channels
  const float* noise;  // positions
  const float* bias;   // channels
};

/// Sums over the positions, which are written; null where they are not wanted.
struct ActivationSums {
  float *scale, *noise, *bias;  // channels, positions, channels
};

struct ActivationKernels {
  void (*forward)(const ActivationRows&, const LeakyActivation&, const void* x, void* y);
  /// gradient, y and x -> the gradients of x (null: not wanted), scale, noise and bias. Clamped values have none. x is
  /// only read for the sums of scale.
  void (*backward)(const ActivationRows&, const LeakyActivation&, const void* gradient, const void* y, const void* x,
                   void* gradient_x, const ActivationSums& sums);
};

}  // namespace fqgan::ops::kernels
