// Initial weights, drawn from explicit generators (torch::nn::init draws from the global one).
#pragma once

#include <torch/torch.h>

#include <string>

#include "fqgan/core/streams.h"

namespace fqgan {

/// Fills `weight` in place. `style`:
///   "orthogonal": rows (or columns) of the Co x rest matrix orthonormal (Saxe et al. 2013);
///   "normal": N(0, 0.02^2), as DCGAN and BigGAN's N02;
///   "xavier": uniform, bound sqrt(6 / (fan_in + fan_out)), fans times the kernel's area (Glorot and Bengio 2010).
/// weight: Co x Ci (x kh x kw). Errors: UserError for another style.
void initialise_weight(torch::Tensor weight, const std::string& style, Streams& random);
const std::vector<std::string>& initialisation_styles();

/// Fills a layer's initial biases. `style`: "uniform", with bound 1 / sqrt(fan_in), PyTorch's default; or "zero".
torch::Tensor initial_bias(const std::string& style, int64_t count, int64_t fan_in, Streams& random);
const std::vector<std::string>& bias_styles();

}  // namespace fqgan
