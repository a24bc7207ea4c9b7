// What an exporter needs of a sampler: the network that it draws with, statistics collected, and its forward pass.
#pragma once

#include <torch/torch.h>

#include <memory>

#include "fqgan/nn/pass.h"

namespace fqgan {

struct TraceableSpace {
  int64_t width, classes;  // Z; 0 classes: unconditional
  bool truncates;          // latents can be truncated as normal ones (models/truncation.h)
  bool normal;             // N(0, 1); else uniform in [0, 1)
};

struct Traceable {
  virtual ~Traceable() = default;
  virtual TraceableSpace space() const = 0;
  /// latents: N x Z, labels: N int64 or undefined -> N x C x H x W in [-1, 1].
  virtual torch::Tensor images(const torch::Tensor& latents, const torch::Tensor& labels, Pass& pass) = 0;
  virtual std::shared_ptr<torch::nn::Module> network() = 0;
};

}  // namespace fqgan
