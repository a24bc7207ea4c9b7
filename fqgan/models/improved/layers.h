// Layers that both pairs of networks use.
#pragma once

#include "fqgan/models/improved/options.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/layers.h"
#include "fqgan/nn/minibatch_discrimination.h"

namespace fqgan {

/// N x C -> N x C x 1 x 1, as batch norm and taps take features, and back.
inline torch::Tensor as_map(const torch::Tensor& h) { return h.unsqueeze(2).unsqueeze(3); }
inline torch::Tensor as_rows(const torch::Tensor& h) { return h.flatten(1); }

/// A generator's batch norm, without gain as in openai/improved-gan.
BatchNorm generator_norm(int64_t channels, const ImprovedGeneratorOptions& options, Streams& random);

/// Weights N(0, std^2), not normalized.
WeightOptions normal_weight(double std);
/// Weight normalization as in openai/improved-gan: weights N(0, std^2), biases 0, scales 1; the data-dependent
/// initialisation sets the scales, and the optimizer does not train them.
WeightOptions scaled_weight(double std);
/// The same for a network's last layer, whose scale is trained.
WeightOptions output_weight(double std);

/// Dropout, then Gaussian noise.
torch::Tensor with_dropout_and_noise(const torch::Tensor& h, double dropout, double noise, Pass& pass);

/// N x F features -> N x K logits: minibatch discrimination (if it is on), then a weight-normalised layer.
struct ClassifierHeadImpl : torch::nn::Module {
  ClassifierHeadImpl(int64_t in, int64_t classes, const MinibatchDiscriminationOptions& minibatch, WeightOptions output,
                     Streams& random);
  torch::Tensor forward(const torch::Tensor& features, Pass& pass);

 private:
  MinibatchDiscrimination minibatch_{nullptr};
  Linear output_{nullptr};
};
TORCH_MODULE(ClassifierHead);

}  // namespace fqgan
