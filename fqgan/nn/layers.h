// Convolution, linear and embedding layers whose weights may be normalized (nn/weighted_layer.h). Parameters stay in
// their own type (float32 masters); the effective weight is cast to the type of the input, once a forward.
#pragma once

#include "fqgan/nn/weighted_layer.h"
#include "fqgan/ops/convolution.h"

namespace fqgan {

using ops::Resample;

struct Conv2dOptions {
  int64_t in, out;                     // channels
  int64_t kernel = 3;                  // 1 or 3 pixels; stride 1, "same" padding
  Resample resample = Resample::none;  // nearest x2 before, or 2x2 average after the convolution
  bool bias = true;
  bool relu = false;  // of the input, before the convolution
};

/// N x Ci x H x W -> N x Co x H' x W', H' = 2 H (up), H / 2 (down), H.
/// `residual`, if defined, is added: N x Co x H' x W', or half of that height and width, upsampled. All of it is one
/// operator (ops/convolution.h), differentiable once; with `pass.twin` the plain sequence runs, differentiable to any
/// order.
struct Conv2dImpl : WeightedLayer {
  Conv2dImpl(Conv2dOptions options, WeightOptions weight, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass, const torch::Tensor& residual = {});
  Conv2dOptions options;
  torch::Tensor bias;  // Co or undefined
};
TORCH_MODULE(Conv2d);

/// N x Ci -> N x Co
struct LinearImpl : WeightedLayer {
  LinearImpl(int64_t in, int64_t out, bool with_bias, WeightOptions weight, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);
  torch::Tensor bias;  // Co or undefined
};
TORCH_MODULE(Linear);

/// N int64 in [0, classes) -> N x C
struct EmbeddingImpl : WeightedLayer {
  EmbeddingImpl(int64_t classes, int64_t channels, WeightOptions weight, Streams& random);
  torch::Tensor forward(const torch::Tensor& labels, Pass& pass);
};
TORCH_MODULE(Embedding);

}  // namespace fqgan
