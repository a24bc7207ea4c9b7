// Gaussian noise added to activations, drawn by counters: the same numbers for any number of threads, instruction set
// and type. Registered as torch.ops.fqgan.add_gaussian_noise.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan::ops {

/// x + stddev n, element i of n a function of (key, i), N(0, 1) to float32's precision (Philox 4x32-10, Box and
/// Muller; nothing beyond 5.8). x: any shape, float32, bfloat16 or float64; elements are counted in logical order. Its
/// gradient is the identity, of any order.
at::Tensor add_gaussian_noise(const at::Tensor& x, uint64_t key, double stddev);

}  // namespace fqgan::ops
