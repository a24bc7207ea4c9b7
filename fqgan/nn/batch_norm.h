// Batch normalization with one gain and bias per channel, or conditional batch norm (Dumoulin et al. 2017) in BigGAN's
// form: gain = 1 + an embedding of the class, or 1 + a linear layer of a vector. Stored statistics are updated with
// momentum 0.1, or are the average over the batches of a pass that collects standing statistics (BigGAN, appendix A).
// With a reference batch it is virtual batch normalization.
#pragma once

#include <torch/torch.h>

#include <utility>

#include "fqgan/nn/layers.h"

namespace fqgan {

/// What gain and bias depend on. With classes = width = 0 they are parameters of the layer.
struct Condition {
  int64_t classes = 0;    // above 0: an embedding of the class, never spectrally normalized
  int64_t width = 0;      // above 0: a linear layer without bias of a vector of this width
  WeightOptions weight;   // options of the embedding or the linear layer
  bool gain = true;       // whether an unconditional gain is learnt; false: it stays 1
  int64_t reference = 0;  // above 0: virtual batch normalization with a reference batch of this size
};

struct BatchNormImpl : torch::nn::Module {
  BatchNormImpl(int64_t channels, const Condition& condition, Streams& random, double epsilon = 1e-5);
  /// x: N x C x H x W; condition: labels N int64, vectors N x width, or undefined.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& condition, Pass& pass);

  torch::Tensor stored_mean, stored_var;  // C
  torch::Tensor gain, bias;               // C
  Embedding class_gain{nullptr}, class_bias{nullptr};
  Linear vector_gain{nullptr}, vector_bias{nullptr};
  double epsilon;
  int64_t reference;

 private:
  torch::Tensor normalized_by_reference(const torch::Tensor& x, const Pass& pass);
  std::pair<torch::Tensor, torch::Tensor> affine(const torch::Tensor& condition, Pass& pass);
  void store(const torch::Tensor& mean, const torch::Tensor& var, int64_t rows, const Pass& pass);
};
TORCH_MODULE(BatchNorm);

}  // namespace fqgan
