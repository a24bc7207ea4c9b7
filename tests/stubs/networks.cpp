#include "stubs/networks.h"

namespace fqgan::test {
namespace {

WeightOptions plain(const std::string& initialisation) {
  WeightOptions weight;
  weight.normalization = WeightNormalization::none;
  weight.initialisation = initialisation;
  return weight;
}

}  // namespace

ToyGenerator::ToyGenerator(Streams& random) {
  linear = register_module("linear", Linear(toy_latent, 4 * 4 * 4, true, plain("xavier"), random));
  Conv2dOptions up;
  up.in = 4;
  up.out = 1;
  up.resample = Resample::up;
  conv = register_module("conv", Conv2d(up, plain("xavier"), random));
}

torch::Tensor ToyGenerator::forward(const torch::Tensor& z, Pass& pass) {
  return at::tanh(conv->forward(linear->forward(z, pass).reshape({-1, 4, 4, 4}).to(pass.compute), pass));
}

ToyStyleGenerator::ToyStyleGenerator(Streams& random) {
  mapping = register_module("mapping", Linear(toy_latent, toy_latent, true, plain("xavier"), random));
  w_mean = register_buffer("w_mean", torch::zeros({toy_latent}));
  synthesis = register_module("synthesis", std::make_shared<ToyGenerator>(random));
}

torch::Tensor ToyStyleGenerator::map(const torch::Tensor& z, Pass& pass) {
  const auto w = mapping->forward(z, pass);
  if (pass.update_state) {
    torch::NoGradGuard no_grad;
    w_mean.set_data(at::lerp(w_mean, mean_over(w.detach().mean(0), pass.ranks), 0.01));
  }
  return w;
}

torch::Tensor ToyStyleGenerator::synthesize(const torch::Tensor& w, const torch::Tensor& noise, Pass& pass) {
  const auto images = synthesis->forward(w, pass);
  return noise.defined() ? images + 0.01 * noise.to(images.options()) : images;
}

ToyDiscriminator::ToyDiscriminator(int64_t out, Streams& random) {
  Conv2dOptions down;
  down.in = 1;
  down.out = 4;
  down.resample = Resample::down;
  conv = register_module("conv", Conv2d(down, WeightOptions{}, random));
  taps = register_module("taps", std::make_shared<Taps>(std::vector<TapPoint>{{"block0", 4}}));
  linear = register_module("linear", Linear(4, out, true, WeightOptions{}, random));
}

torch::Tensor ToyDiscriminator::forward(const torch::Tensor& x, Pass& pass) {
  // softplus, not ReLU: a penalty on its gradient then reaches every weight
  const auto h = (*taps)("block0", at::softplus(conv->forward(x, pass)), pass);
  return linear->forward(h.sum({2, 3}).to(linear->weight.scalar_type()), pass);
}

ToyTranslator::ToyTranslator(Streams& random) {
  Conv2dOptions same;
  same.in = same.out = 1;
  conv = register_module("conv", Conv2d(same, plain("xavier"), random));
  rho = register_parameter("rho", torch::ones({1, 1, 1, 1}));
}

ToyTranslator::Output ToyTranslator::forward(const torch::Tensor& x, Pass& pass) {
  const auto h = conv->forward(x, pass);
  const auto mixed = rho.to(h.scalar_type());
  return {at::tanh(h * mixed + x * (1 - mixed)), h.mean({1, 2, 3}), h.abs()};
}

DataInitialised::DataInitialised(int64_t out, Streams& random) {
  linear = register_module("linear", Linear(toy_size * toy_size, out, false, plain("normal"), random));
  scale = register_parameter("scale", torch::ones({out}));
  shift = register_parameter("shift", torch::zeros({out}));
}

torch::Tensor DataInitialised::forward(const torch::Tensor& x, Pass& pass) {
  const auto h = linear->forward(x.flatten(1).to(linear->weight.scalar_type()), pass);
  if (pass.initialise) {
    torch::NoGradGuard no_grad;
    const auto mean = mean_over(h.mean(0), pass.ranks);
    const auto variance = mean_over((h - mean).square().mean(0), pass.ranks);
    scale.copy_(1 / (variance.sqrt() + 1e-6));
    shift.copy_(-mean * scale);
  }
  return h * scale + shift;
}

}  // namespace fqgan::test
