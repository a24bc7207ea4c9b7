// Convolution, linear and embedding layers whose weights may be spectrally normalized. Parameters stay in their own
// type (float32 masters); the effective weight is cast to the type of the input, once a forward.
#pragma once

#include "fqgan/nn/spectral_norm.h"

namespace fqgan {

enum class Resample { none, up, down };

struct Conv2dOptions {
  int64_t in, out;                     // channels
  int64_t kernel = 3;                  // 1 or 3 pixels; stride 1, "same" padding
  Resample resample = Resample::none;  // nearest x2 before, or 2x2 average after the convolution
  bool bias = true;
};

/// N x Ci x H x W -> N x Co x H' x W', H' = 2 H (up), H / 2 (down), H.
/// Resampling is folded into the convolution (exact): 3x3 + average pool is one 4x4 convolution of stride 2, nearest
/// upsample + 3x3 one 4x4 transposed convolution of stride 2; a 1x1 runs on the smaller map. With `pass.twin` the plain
/// sequence runs. Every form is closed under differentiation.
struct Conv2dImpl : WeightedLayer {
  Conv2dImpl(Conv2dOptions options, WeightOptions weight, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);
  Conv2dOptions options;
  torch::Tensor bias;  // Co or undefined

 private:
  torch::Tensor folded(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b);
  torch::Tensor plain(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b);
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
