// Weight normalization (Salimans and Kingma 2016) with data-dependent initialisation: the weights of an output are a
// direction times a scale. A pass with `initialise` sets scale and bias so that, over its batch, every output has mean
// 0 and a given standard deviation. Matches DenseLayer and WeightNormLayer (with initialisation) and l2normalize
// (without) in nn.py of openai/improved-gan.
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/ranks.h"

namespace fqgan {

/// The meaning of a weight's dimensions.
struct WeightShape {
  std::vector<int64_t> sizes;
  // The dimension of the outputs. 1 for a transposed convolution (Ci x Co / groups x kh x kw), whose outputs are
  // counted within each group.
  int64_t output = 0;
  int64_t groups = 1;  // only with output = 1
  int64_t outputs() const { return output == 0 ? sizes[0] : groups * sizes[1]; }
};

/// The length |v| of each output's weights v: Co.
torch::Tensor weight_lengths(const torch::Tensor& weight, const WeightShape& shape);
/// scale v / |v|, in the shape of `weight`; scale: Co. Differentiable to any order.
torch::Tensor weight_normalized(const torch::Tensor& weight, const torch::Tensor& scale, const WeightShape& shape);
/// Sets scale and bias (Co) so that the activations, given as N x Co (x H x W) without bias, get mean 0 and standard
/// deviation `std` over the batches of all ranks. An undefined bias is left out; a constant output keeps its scale.
void initialise_by_data(const torch::Tensor& activations, torch::Tensor scale, torch::Tensor bias, double std,
                        const Ranks* ranks = nullptr);

}  // namespace fqgan
