// A trained generator, opened: its own copy of the network with the statistics that sampling uses, latents -> images.
#pragma once

#include <memory>
#include <optional>

#include "fqgan/models/family.h"
#include "fqgan/models/traceable.h"

namespace fqgan {

class OpenGenerator {
 public:
  OpenGenerator(std::unique_ptr<Sampler> sampler, Traceable& traceable, const Numerics& numerics)
      : sampler_(std::move(sampler)), traceable_(traceable), numerics_(numerics) {}
  TraceableSpace space() const { return traceable_.space(); }
  Traceable& traceable() { return traceable_; }
  /// z: N x Z, any floating type; labels: N int64, or undefined where there are no classes -> float32 N x C x H x W in
  /// [-1, 1] on the CPU. Errors: UserError for shapes, classes or a truncation that do not fit.
  torch::Tensor images(const torch::Tensor& z, const torch::Tensor& labels, std::optional<double> truncation) const;

 private:
  std::unique_ptr<Sampler> sampler_;
  Traceable& traceable_;
  Numerics numerics_;
};

/// average: the averaged generator, where the family has one. Errors: UserError for a family without a generator of
/// images from latents.
std::unique_ptr<OpenGenerator> open_generator(Family& family, bool average);

}  // namespace fqgan
