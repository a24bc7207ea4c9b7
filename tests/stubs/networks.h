// The stubs' networks.
#pragma once

#include "fqgan/nn/copy.h"
#include "fqgan/nn/layers.h"
#include "fqgan/nn/taps.h"

namespace fqgan::test {

constexpr int64_t toy_latent = 6, toy_size = 8;

/// N x Z -> N x 1 x 8 x 8
struct ToyGenerator : torch::nn::Module {
  explicit ToyGenerator(Streams& random);
  torch::Tensor forward(const torch::Tensor& z, Pass& pass);
  Linear linear{nullptr};
  Conv2d conv{nullptr};
};

/// StyleGAN2's outline: z -> w by a mapping whose mean is tracked, w and noise -> image.
struct ToyStyleGenerator : torch::nn::Module {
  explicit ToyStyleGenerator(Streams& random);
  torch::Tensor map(const torch::Tensor& z, Pass& pass);
  /// noise: N x 1 x 8 x 8, or undefined
  torch::Tensor synthesize(const torch::Tensor& w, const torch::Tensor& noise, Pass& pass);
  Linear mapping{nullptr};
  torch::Tensor w_mean;  // Z
  std::shared_ptr<ToyGenerator> synthesis;
};

/// N x 1 x 8 x 8 -> N x out, with a tap
struct ToyDiscriminator : torch::nn::Module {
  ToyDiscriminator(int64_t out, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);
  Conv2d conv{nullptr};
  std::shared_ptr<Taps> taps;
  Linear linear{nullptr};
};

/// Image to image, with the rho that adaptive layer-instance normalization clips to [0, 1].
struct ToyTranslator : torch::nn::Module {
  explicit ToyTranslator(Streams& random);
  struct Output {
    torch::Tensor image, cam, heat_map;
  };
  Output forward(const torch::Tensor& x, Pass& pass);
  Conv2d conv{nullptr};
  torch::Tensor rho;
};

/// A linear layer over the pixels whose shift and scale come from the data (weight normalization's data-dependent
/// initialisation). N x 1 x 8 x 8 -> N x out
struct DataInitialised : torch::nn::Module {
  DataInitialised(int64_t out, Streams& random);
  torch::Tensor forward(const torch::Tensor& x, Pass& pass);
  Linear linear{nullptr};
  torch::Tensor scale, shift;
};

}  // namespace fqgan::test
