// Noise on activations, from the pass's random streams (torch::nn::Dropout draws from the global one).
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// x + N(0, stddev^2) in training; x itself otherwise.
torch::Tensor gaussian_noise(const torch::Tensor& x, double stddev, Pass& pass);

/// Dropout: in training zeroes each element with probability p and divides the others by 1 - p; else x itself.
torch::Tensor dropout(const torch::Tensor& x, double probability, Pass& pass);

}  // namespace fqgan
