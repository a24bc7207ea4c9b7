// The interfaces of both pairs of networks.
#pragma once

#include "fqgan/models/improved/options.h"
#include "fqgan/nn/taps.h"
#include "fqgan/nn/virtual_batch_norm.h"

namespace fqgan {

/// N x Z uniform latents -> N x C x H x W in [-1, 1].
struct ImprovedGenerator : torch::nn::Module {
  ImprovedGenerator(const ImprovedGeneratorOptions& options, Streams& random);
  torch::Tensor forward(const torch::Tensor& latents, Pass& pass);

  ReferenceLatents reference{nullptr};  // with virtual batch normalization

 protected:
  virtual torch::Tensor make(const torch::Tensor& latents, Pass& pass) = 0;
};

/// N x C x H x W in [-1, 1] -> N x K logits.
struct ImprovedDiscriminator : torch::nn::Module {
  virtual torch::Tensor forward(const torch::Tensor& images, Pass& pass) = 0;
  std::shared_ptr<Taps> taps;
};

std::shared_ptr<ImprovedGenerator> make_generator(const ImprovedOptions& options, const DataInfo& data,
                                                  Streams& random);
std::shared_ptr<ImprovedDiscriminator> make_discriminator(const ImprovedOptions& options, const DataInfo& data,
                                                          Streams& random);

}  // namespace fqgan
