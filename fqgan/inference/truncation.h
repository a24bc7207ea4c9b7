// Truncation of normal latents (BigGAN, Brock et al. 2019, section 3.1) as a function: maps a standard normal z to the
// normal distribution truncated to [-T, T].
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

/// The largest truncation. Above it latents do not change, because normal values beyond it practically do not occur.
inline constexpr double largest_truncation = 10;

/// z: any shape and floating type, standard normal; truncation: a scalar tensor T >= 0 -> float64, within [-T, T] for
/// T <= 10, else z. With a = erfc(|z| / sqrt 2) and b = erfc(T / sqrt 2): erfc(|z'| / sqrt 2) = a + b - a b. Uses erfc
/// because erf loses its precision near 1. Uses plain operators, which a trace records.
at::Tensor truncated_normal(const at::Tensor& z, const at::Tensor& truncation);

}  // namespace fqgan
