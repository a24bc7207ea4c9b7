// What both pairs of networks use.
#pragma once

#include "fqgan/models/improved/options.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/layers.h"
#include "fqgan/nn/minibatch_discrimination.h"

namespace fqgan {

/// N x C -> N x C x 1 x 1, as batch norm and taps take features, and back.
inline torch::Tensor as_map(const torch::Tensor& h) { return h.unsqueeze(2).unsqueeze(3); }
inline torch::Tensor as_rows(const torch::Tensor& h) { return h.flatten(1); }

/// A generator's norm: without gain, as the release has it.
BatchNorm generator_norm(int64_t channels, const ImprovedGeneratorOptions& options, Streams& random);

/// Plain weights N(0, std^2).
WeightOptions normal_weight(double std);
/// Weight normalization as openai/improved-gan has it: weights N(0, std^2), biases of zero, scales of one, which the
/// data sets and the optimizer does not.
WeightOptions scaled_weight(double std);
/// The same for a network's last layer: a trained scale.
WeightOptions output_weight(double std);

/// Dropout, then Gaussian noise.
torch::Tensor disturbed(const torch::Tensor& h, double dropout, double noise, Pass& pass);

/// N x F features -> N x K logits: minibatch discrimination where it is on, then a weight-normalised layer.
struct ClassifierHeadImpl : torch::nn::Module {
  ClassifierHeadImpl(int64_t in, int64_t classes, const MinibatchDiscriminationOptions& minibatch,
                     WeightOptions output, Streams& random);
  torch::Tensor forward(const torch::Tensor& features, Pass& pass);

 private:
  MinibatchDiscrimination minibatch_{nullptr};
  Linear output_{nullptr};
};
TORCH_MODULE(ClassifierHead);

}  // namespace fqgan
