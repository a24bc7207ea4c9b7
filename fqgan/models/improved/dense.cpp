#include "fqgan/models/improved/dense.h"

#include <cmath>

#include "fqgan/nn/noise.h"

namespace fqgan {
namespace {

/// N x C -> N x C x 1 x 1: as batch norm and taps take features.
torch::Tensor as_map(const torch::Tensor& h) { return h.unsqueeze(2).unsqueeze(3); }
torch::Tensor as_rows(const torch::Tensor& h) { return h.flatten(1); }

}  // namespace

std::string hidden_tap(size_t layer) { return "hidden" + std::to_string(layer); }

DenseGeneratorImpl::DenseGeneratorImpl(const ImprovedGeneratorOptions& o, const DataInfo& data, Streams& random)
    : channels_(data.channels), height_(data.height), width_(data.width) {
  WeightOptions weight;
  weight.spectral = false;
  weight.initialisation = "xavier";
  Condition plain;
  plain.gain = false;
  int64_t in = o.latent;
  for (size_t i = 0; i < o.hidden.size(); ++i) {
    const auto number = std::to_string(i + 1);
    hidden_.push_back(register_module("linear" + number, Linear(in, o.hidden[i], false, weight, random)));
    norms_.push_back(register_module("norm" + number, BatchNorm(o.hidden[i], plain, random, 1e-6)));
    in = o.hidden[i];
  }
  const auto pixels = channels_ * height_ * width_;
  WeightNormOptions output;
  output.initial = std::sqrt(2. / static_cast<double>(in + pixels));
  output.train_scale = true;
  output.by_data = false;
  output_ = register_module("output", WeightNormLinear(in, pixels, output, random));
}

torch::Tensor DenseGeneratorImpl::forward(const torch::Tensor& latents, Pass& pass) {
  auto h = latents.to(pass.compute);
  for (size_t i = 0; i < hidden_.size(); ++i)
    h = at::softplus(as_rows(norms_[i]->forward(as_map(hidden_[i]->forward(h, pass)), {}, pass)));
  // Not in bfloat16, whose sigmoid is 1 from 0.998 on: without a gradient.
  const auto type = pass.compute == torch::kBFloat16 ? torch::kFloat : pass.compute;
  const auto pixels = at::sigmoid(output_->forward(h, pass).to(type)) * 2 - 1;
  return pixels.view({-1, channels_, height_, width_});
}

DenseDiscriminatorImpl::DenseDiscriminatorImpl(const ImprovedDiscriminatorOptions& o, const DataInfo& data,
                                               Streams& random)
    : input_noise_(o.input_noise), noise_(o.noise) {
  std::vector<TapPoint> points;
  int64_t in = data.channels * data.height * data.width;
  for (size_t i = 0; i < o.hidden.size(); ++i) {
    hidden_.push_back(
        register_module(hidden_tap(i + 1), WeightNormLinear(in, o.hidden[i], WeightNormOptions{}, random)));
    points.push_back({hidden_tap(i + 1), o.hidden[i]});
    in = o.hidden[i];
  }
  WeightNormOptions output;
  output.train_scale = true;
  output_ = register_module("output", WeightNormLinear(in, data.classes, output, random));
  taps = register_module("taps", std::make_shared<Taps>(std::move(points)));
}

torch::Tensor DenseDiscriminatorImpl::forward(const torch::Tensor& images, Pass& pass) {
  auto h = gaussian_noise(images.flatten(1).to(pass.compute) * 0.5 + 0.5, input_noise_, pass);
  for (size_t i = 0; i < hidden_.size(); ++i) {
    const auto name = hidden_tap(i + 1);
    h = as_rows((*taps)(name.c_str(), as_map(at::relu(hidden_[i]->forward(h, pass))), pass));
    h = gaussian_noise(h, noise_, pass);
  }
  return output_->forward(h, pass);
}

}  // namespace fqgan
