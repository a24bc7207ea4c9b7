// The minibatch layer ("Improved Techniques for Training GANs", section 3.2): appends to an example's features how
// close it is to the others of its kind in the batch. Matches nn.py of openai/improved-gan, MinibatchLayer.
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// N x F -> N x (F + B). Rows meet those of their own segment of the pass (real and generated apart); without segments
/// all meet all. A pass with `initialise` sets scales and biases so that, over its batch, half the mean distance of an
/// example to its nearest neighbour is 1 and the similarities have mean 0. Errors: UserError for another F.
struct MinibatchDiscriminationImpl : torch::nn::Module {
  /// in: F; kernels: B similarities; dims: C, of each kernel's space.
  MinibatchDiscriminationImpl(int64_t in, int64_t kernels, int64_t dims, Streams& random);
  torch::Tensor forward(const torch::Tensor& features, Pass& pass);

  torch::Tensor weight, log_scale, bias;  // F x B x C, columns of unit length times exp of B x C; B

 private:
  torch::Tensor similarity(const torch::Tensor& projected, const Pass& pass) const;
  torch::Tensor initialised(torch::Tensor projected, Pass& pass);
};
TORCH_MODULE(MinibatchDiscrimination);

}  // namespace fqgan
