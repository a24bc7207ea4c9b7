// Truncation of normal latents (BigGAN, Brock et al. 2019, section 3.1) as a map: what the normal distribution within
// [-T, T] has in place of each z.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

/// The largest truncation; above it latents stay as they are (the normal distribution has nothing left there).
inline constexpr double largest_truncation = 10;

/// z: any shape and floating type, standard normal; truncation: a scalar tensor T >= 0 -> float64, within [-T, T] for
/// T <= 10, else z. With a = erfc(|z| / sqrt 2) and b = erfc(T / sqrt 2): erfc(|z'| / sqrt 2) = a + b - a b. By the
/// tails, because erf has no digits left near 1. Plain operators, which a trace records.
at::Tensor truncated_normal(const at::Tensor& z, const at::Tensor& truncation);

}  // namespace fqgan
