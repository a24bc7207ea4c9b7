#include "fqgan/models/improved/convolutional.h"

namespace fqgan {
namespace {

constexpr double initial = 0.05;    // standard deviation of all initial weights
constexpr double output_std = 0.1;  // standard deviation of the last layers' outputs after initialisation by data
constexpr int64_t kernel = 5, per_stage = 3;

/// Doubles the map.
Conv2dOptions doubling(int64_t in, int64_t out, bool bias) {
  return {.in = in, .out = out, .kernel = kernel, .bias = bias, .stride = 2, .transposed = true};
}

WeightOptions last_weight() {
  auto weight = output_weight(initial);
  weight.data_std = output_std;
  return weight;
}

}  // namespace

ConvolutionalGenerator::ConvolutionalGenerator(const ImprovedOptions& options, const DataInfo& data, Streams& random)
    : ImprovedGenerator(options.generator, random) {
  const auto channels = options.generator_hidden();
  const auto factor = int64_t{1} << channels.size();
  first_map_ = {channels[0], data.height / factor, data.width / factor};
  const auto units = first_map_[0] * first_map_[1] * first_map_[2];
  const auto weight = normal_weight(initial);
  linear_ = register_module("linear", Linear(options.generator.latent, units, false, weight, random));
  norms_.push_back(register_module("norm0", generator_norm(units, options.generator, random)));
  for (size_t i = 1; i < channels.size(); ++i) {
    const auto number = std::to_string(i);
    const auto convolution = doubling(channels[i - 1], channels[i], false);
    doublings_.push_back(register_module("conv" + number, Conv2d(convolution, weight, random)));
    norms_.push_back(register_module("norm" + number, generator_norm(channels[i], options.generator, random)));
  }
  output_ = register_module("output", Conv2d(doubling(channels.back(), data.channels, true), last_weight(), random));
}

torch::Tensor ConvolutionalGenerator::make(const torch::Tensor& latents, Pass& pass) {
  const auto first = linear_->forward(latents.to(pass.compute), pass);
  auto h = at::relu(norms_[0]->forward(as_map(first), {}, pass))
               .view({-1, first_map_[0], first_map_[1], first_map_[2]})
               .contiguous(at::MemoryFormat::ChannelsLast);
  for (size_t i = 0; i < doublings_.size(); ++i)
    h = at::relu(norms_[i + 1]->forward(doublings_[i]->forward(h, pass), {}, pass));
  return at::tanh(output_->forward(h, pass));
}

ConvolutionalDiscriminator::ConvolutionalDiscriminator(const ImprovedOptions& options, const DataInfo& data,
                                                       Streams& random)
    : options_(options.discriminator) {
  const auto channels = options.discriminator_hidden();
  auto in = data.channels;
  for (int64_t stage = 0; stage < 3; ++stage) {
    for (int64_t i = 0; i < per_stage; ++i) {
      Conv2dOptions c{.in = in, .out = channels[stage]};
      if (stage < 2 && i == 2) c.stride = 2;
      if (stage == 2) c.padding = Padding{};
      if (stage == 2 && i > 0) c.kernel = 1;
      const auto name = "conv" + std::to_string(stage * per_stage + i + 1);
      convolutions_.push_back(register_module(name, Conv2d(c, scaled_weight(initial), random)));
      in = channels[stage];
    }
  }
  head_ = register_module("head",
                          ClassifierHead(in, data.classes, options.minibatch_discrimination, last_weight(), random));
  taps = register_module("taps", std::make_shared<Taps>(options.taps()));
}

torch::Tensor ConvolutionalDiscriminator::forward(const torch::Tensor& images, Pass& pass) {
  const auto& o = options_;
  const auto& points = taps->points();
  auto h = with_dropout_and_noise(images.to(pass.compute), o.input_dropout, o.input_noise, pass);
  for (size_t i = 0; i < convolutions_.size(); ++i) {
    h = at::leaky_relu(convolutions_[i]->forward(h, pass), 0.2);
    if (i % per_stage != per_stage - 1) continue;
    const auto stage = i / per_stage;
    h = (*taps)(points[stage].name.c_str(), h, pass);
    if (stage < 2) h = with_dropout_and_noise(h, o.dropout, o.noise, pass);
  }
  const auto pooled = h.mean({2, 3}, true, pass.compute == torch::kDouble ? torch::kDouble : torch::kFloat);
  return head_->forward(as_rows((*taps)(points[3].name.c_str(), pooled, pass)), pass);
}

}  // namespace fqgan
