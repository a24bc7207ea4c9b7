#include "fqgan/models/improved/layers.h"

#include "fqgan/nn/noise.h"

namespace fqgan {

BatchNorm generator_norm(int64_t channels, const ImprovedGeneratorOptions& o, Streams& random) {
  Condition condition;
  condition.gain = false;
  condition.reference = o.reference_rows();
  return BatchNorm(channels, condition, random, 1e-6);
}

WeightOptions normal_weight(double std) {
  WeightOptions weight;
  weight.normalization = WeightNormalization::none;
  weight.initial_std = std;
  return weight;
}

WeightOptions scaled_weight(double std) {
  auto weight = normal_weight(std);
  weight.normalization = WeightNormalization::weight;
  weight.biases = "zero";
  weight.scale_start = ScaleStart::one;
  weight.train_scale = false;
  return weight;
}

WeightOptions output_weight(double std) {
  auto weight = scaled_weight(std);
  weight.train_scale = true;
  return weight;
}

torch::Tensor with_dropout_and_noise(const torch::Tensor& h, double fraction, double stddev, Pass& pass) {
  return gaussian_noise(dropout(h, fraction, pass), stddev, pass);
}

ClassifierHeadImpl::ClassifierHeadImpl(int64_t in, int64_t classes, const MinibatchDiscriminationOptions& o,
                                       WeightOptions output, Streams& random) {
  if (o.kernels > 0) minibatch_ = register_module("minibatch", MinibatchDiscrimination(in, o.kernels, o.dims, random));
  output_ = register_module("output", Linear(in + o.kernels, classes, true, std::move(output), random));
}

torch::Tensor ClassifierHeadImpl::forward(const torch::Tensor& features, Pass& pass) {
  return output_->forward(minibatch_ ? minibatch_->forward(features, pass) : features, pass);
}

}  // namespace fqgan
