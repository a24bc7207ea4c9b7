// StyleGAN2's mapping networks: from z (and a class) to w, and from a class alone to the discriminator's projection.
// Names of parameters as in NVlabs/stylegan2-ada-pytorch (MappingNetwork): embed, fc0, fc1, ...
#pragma once

#include "fqgan/nn/layers.h"

namespace fqgan {

struct MappingOptions {
  int64_t latent = 512;  // Z; 0: no z
  int64_t classes = 0;
  int64_t width = 512;  // W
  int64_t layers = 8;
  double learning_rate_multiplier = 0.01;
  std::optional<double> average_decay = std::nullopt;  // of the moving average of w; unset: none
};

struct MappingImpl : torch::nn::Module {
  MappingImpl(const MappingOptions& options, Streams& random);
  /// z: N x Z or undefined, labels: int64 N or undefined -> w: N x W. Computed in the parameters' type.
  torch::Tensor forward(const torch::Tensor& z, const torch::Tensor& labels, Pass& pass);
  /// Moves the average of w towards the mean of these, over all ranks.
  void track(const torch::Tensor& w, const Pass& pass);

  MappingOptions options;
  std::vector<Linear> layers;
  Linear embed{nullptr};  // classes -> W, of one-hot vectors; null without classes
  torch::Tensor w_avg;    // W; undefined without an average
};
TORCH_MODULE(Mapping);

/// w: ... x W, psi: a scalar -> the average + psi (w - average); with `rows` >= 0 only in that many first rows of w,
/// N x rows x W.
torch::Tensor truncated(const torch::Tensor& w, const torch::Tensor& average, const torch::Tensor& psi,
                        int64_t rows = -1);

}  // namespace fqgan
