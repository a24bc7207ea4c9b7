// Minibatch discrimination ("Improved Techniques for Training GANs", section 3.2): appends to an example's features how
// similar it is to the other examples of the batch. Matches MinibatchLayer in nn.py of openai/improved-gan.
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// N x F -> N x (F + B). An example is compared with the others of its own segment of the pass (real and generated
/// apart); without segments, with all others. A pass with `initialise` sets scales and biases so that, over its batch,
/// half the mean distance to the nearest neighbour is 1 and the similarities have mean 0. Errors: UserError for another
/// F.
struct MinibatchDiscriminationImpl : torch::nn::Module {
  /// in: F; kernels: the number of similarities B; dims: the dimensions C of each kernel's space.
  MinibatchDiscriminationImpl(int64_t in, int64_t kernels, int64_t dims, Streams& random);
  torch::Tensor forward(const torch::Tensor& features, Pass& pass);

  torch::Tensor weight, log_scale,
      bias;  // F x B x C; B x C; B. Columns of weight have unit length times exp(log_scale)

 private:
  torch::Tensor similarity(const torch::Tensor& projected, const Pass& pass) const;
  torch::Tensor initialised(torch::Tensor projected, Pass& pass);
};
TORCH_MODULE(MinibatchDiscrimination);

}  // namespace fqgan
