#include "fqgan/models/improved/dense.h"

#include <cmath>

namespace fqgan {
namespace {

constexpr double discriminator_std = 0.1;  // of D's weights

}  // namespace

DenseGenerator::DenseGenerator(const ImprovedOptions& options, const DataInfo& data, Streams& random)
    : ImprovedGenerator(options.generator, random), channels_(data.channels), height_(data.height), width_(data.width) {
  WeightOptions weight;
  weight.normalization = WeightNormalization::none;
  weight.initialisation = "xavier";
  auto in = options.generator.latent;
  for (const auto out : options.generator_hidden()) {
    const auto number = std::to_string(hidden_.size() + 1);
    hidden_.push_back(register_module("linear" + number, Linear(in, out, false, weight, random)));
    norms_.push_back(register_module("norm" + number, generator_norm(out, options.generator, random)));
    in = out;
  }
  const auto pixels = channels_ * height_ * width_;
  auto output = output_weight(std::sqrt(2. / static_cast<double>(in + pixels)));
  output.starts_by_data = false;
  output_ = register_module("output", Linear(in, pixels, true, output, random));
}

torch::Tensor DenseGenerator::make(const torch::Tensor& latents, Pass& pass) {
  auto h = latents.to(pass.compute);
  for (size_t i = 0; i < hidden_.size(); ++i)
    h = at::softplus(as_rows(norms_[i]->forward(as_map(hidden_[i]->forward(h, pass)), {}, pass)));
  // Not in bfloat16, whose sigmoid rounds to 1 from 0.998 on and then has no gradient.
  const auto type = pass.compute == torch::kBFloat16 ? torch::kFloat : pass.compute;
  const auto pixels = at::sigmoid(output_->forward(h, pass).to(type)) * 2 - 1;
  return pixels.view({-1, channels_, height_, width_});
}

DenseDiscriminator::DenseDiscriminator(const ImprovedOptions& options, const DataInfo& data, Streams& random)
    : options_(options.discriminator) {
  auto in = data.channels * data.height * data.width;
  const auto points = options.taps();
  for (const auto out : options.discriminator_hidden()) {
    const auto& name = points[hidden_.size()].name;
    hidden_.push_back(register_module(name, Linear(in, out, true, scaled_weight(discriminator_std), random)));
    in = out;
  }
  const auto last = output_weight(discriminator_std);
  head_ = register_module("head", ClassifierHead(in, data.classes, options.minibatch_discrimination, last, random));
  taps = register_module("taps", std::make_shared<Taps>(points));
}

torch::Tensor DenseDiscriminator::forward(const torch::Tensor& images, Pass& pass) {
  const auto& o = options_;
  auto h = with_dropout_and_noise(images.flatten(1).to(pass.compute) * 0.5 + 0.5, o.input_dropout, o.input_noise, pass);
  for (size_t i = 0; i < hidden_.size(); ++i) {
    const auto& tap = taps->points()[i].name;
    h = as_rows((*taps)(tap.c_str(), as_map(hidden_[i]->forward(h, pass, /*relu=*/true)), pass));
    h = with_dropout_and_noise(h, o.dropout, o.noise, pass);
  }
  return head_->forward(h, pass);
}

}  // namespace fqgan
