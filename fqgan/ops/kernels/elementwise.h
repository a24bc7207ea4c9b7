// Kernels that take each element by itself: a step of Adam (ops/adam.h) and Gaussian noise (ops/gaussian_noise.h).
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

/// A step of Adam with epsilon under the root: the fractions of the new gradient in m and of its square in v, what v
/// keeps, the learning rate over m's correction, and the correction of v.
struct Adam {
  float first, second, keep, step, correction, epsilon;
};

constexpr int64_t noise_block = 64;  // elements whose noise is drawn together

struct Elementwise {
  /// m += first (g - m), v = keep v + second g^2, p -= step m / sqrt(v correction + epsilon).
  void (*adam_epsilon_in_root)(const Adam&, const float* gradient, float* m, float* v, float* parameter, int64_t count);
  /// y = x + stddev n: elements [first, last), first a multiple of noise_block. Element i of the noise is a function of
  /// the key and i, N(0, 1).
  void (*add_noise)(const void* x, bool bfloat16, int64_t first, int64_t last, uint64_t key, float stddev, void* y);
};

}  // namespace fqgan::ops::kernels
