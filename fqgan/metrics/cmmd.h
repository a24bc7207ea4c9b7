// CMMD (Jayasumana et al. 2024, 'Rethinking FID'): 1000 times the biased MMD^2 with the kernel exp(-|x - y|^2 / (2
// sigma^2)), sigma = 10, of embeddings that are scaled to length 1. Matches the authors' distance.py
// (google-research/cmmd), in float64. The paper uses embeddings of CLIP; with another feature extractor the value has
// another name and scale.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

inline constexpr double cmmd_sigma = 10, cmmd_scale = 1000;

/// a: N_a x D, b: N_b x D, any floating type. An embedding of length 0 stays as it is. Gives the same bits for any
/// number of threads, and needs memory for tiles of pairs, never N_a x N_b. The value is never below 0. It is biased
/// upwards, by at most 20 / N_a + 20 / N_b.
/// Errors: UserError for shapes, NaN or infinity.
double cmmd(const at::Tensor& a, const at::Tensor& b);

}  // namespace fqgan
