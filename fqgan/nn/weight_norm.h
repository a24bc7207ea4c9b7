// Weight normalization (Salimans and Kingma 2016) with data-dependent initialisation: an output's weights are a
// direction times a scale; a pass with `initialise` sets scale and bias so that, over its batch, every output has mean
// 0 and a given standard deviation. Matches nn.py of openai/improved-gan: DenseLayer and WeightNormLayer (with
// initialisation) and l2normalize (without).
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/ranks.h"

namespace fqgan {

/// What the dimensions of a weight are.
struct WeightShape {
  std::vector<int64_t> sizes;
  // Which dimension counts the outputs. 1: of a transposed convolution, Ci x Co / groups x kh x kw, whose outputs are
  // counted within each group.
  int64_t output = 0;
  int64_t groups = 1;  // with output = 1
  int64_t outputs() const { return output == 0 ? sizes[0] : groups * sizes[1]; }
};

/// |v| of each output's weights v, Co.
torch::Tensor weight_lengths(const torch::Tensor& weight, const WeightShape& shape);
/// scale v / |v|, in the shape of `weight`; scale: Co. Differentiable to any order.
torch::Tensor weight_normalized(const torch::Tensor& weight, const torch::Tensor& scale, const WeightShape& shape);
/// Sets scale and bias (Co) so that activations, N x Co (x H x W) made without bias, would have mean 0 and standard
/// standard deviation `std`. An undefined bias is left out, and an output that does not vary keeps its scale.
/// ranks: the processes that share the batch, whose activations together are meant.
void initialise_by_data(const torch::Tensor& activations, torch::Tensor scale, torch::Tensor bias, double std,
                        const Ranks* ranks = nullptr);

}  // namespace fqgan
