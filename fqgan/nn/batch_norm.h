// Batch normalization, with one gain and bias a channel or with conditional ones (conditional batch norm, Dumoulin et
// al. 2017, in BigGAN's form: gain = 1 + what an embedding makes of the class, or a linear layer of a vector). Stored
// statistics follow with momentum 0.1, or average the batches of a pass that collects standing statistics (BigGAN,
// appendix A). With a reference batch it is virtual batch normalization.
#pragma once

#include <torch/torch.h>

#include <utility>

#include "fqgan/nn/layers.h"

namespace fqgan {

/// Where gain and bias come from; both zero: parameters of the layer.
struct Condition {
  int64_t classes = 0;    // an embedding of the class, never spectrally normalized
  int64_t width = 0;      // else a linear layer without bias of a vector this wide
  WeightOptions weight;   // of either
  bool gain = true;       // the layer's own gain is learnt, else it stays 1
  int64_t reference = 0;  // rows of a reference batch: virtual batch normalization, the stored statistics are its
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
