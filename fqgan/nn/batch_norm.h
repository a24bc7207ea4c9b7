// Batch normalization, with one gain and bias a channel or with class-conditional ones (conditional batch norm,
// Dumoulin et al. 2017, in BigGAN's form: gain = 1 + embedding). Stored statistics follow with momentum 0.1, or average
// the batches of a pass that collects standing statistics (BigGAN, appendix A).
#pragma once

#include <torch/torch.h>

#include "fqgan/nn/layers.h"

namespace fqgan {

struct BatchNormImpl : torch::nn::Module {
  /// classes = 0: parameters `gain`, `bias` C. Otherwise embeddings classes x C, initialised by `initialisation`.
  BatchNormImpl(int64_t channels, int64_t classes, const std::string& initialisation, Streams& random,
                double epsilon = 1e-5);
  /// x: N x C x H x W; labels: N int64, or undefined without classes.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& labels, Pass& pass);

  torch::Tensor stored_mean, stored_var;  // C
  torch::Tensor gain, bias;               // C
  Embedding class_gain{nullptr}, class_bias{nullptr};
  double epsilon;
};
TORCH_MODULE(BatchNorm);

}  // namespace fqgan
