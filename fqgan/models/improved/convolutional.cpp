#include "fqgan/models/improved/convolutional.h"

namespace fqgan {
namespace {

constexpr double initial = 0.05;  // deviation of all weights
constexpr int64_t kernel = 5, padding = 2, per_stage = 3;

torch::Tensor doubled(const torch::Tensor& h, const torch::Tensor& weight) {
  return at::conv_transpose2d(h, weight.to(h.scalar_type()), {}, 2, padding, /*output_padding=*/1);
}

}  // namespace

ConvolutionalGenerator::ConvolutionalGenerator(const ImprovedOptions& options, const DataInfo& data, Streams& random)
    : ImprovedGenerator(options.generator, random) {
  const auto channels = options.generator_hidden();
  const auto factor = int64_t{1} << channels.size();
  first_map_ = {channels[0], data.height / factor, data.width / factor};
  const auto units = first_map_[0] * first_map_[1] * first_map_[2];
  const auto drawn = [&](std::vector<int64_t> shape) { return random.normal(shape, "weight").mul_(initial); };
  linear_ = register_parameter("linear", drawn({units, options.generator.latent}));
  norms_.push_back(register_module("norm0", generator_norm(units, options.generator, random)));
  for (size_t i = 1; i < channels.size(); ++i) {
    const auto number = std::to_string(i);
    weights_.push_back(register_parameter("weight" + number, drawn({channels[i - 1], channels[i], kernel, kernel})));
    norms_.push_back(register_module("norm" + number, generator_norm(channels[i], options.generator, random)));
  }
  const WeightNormConv2dOptions last{channels.back(), data.channels, kernel, 2, padding, /*transposed=*/true};
  output_ = register_module("output", WeightNormConv2d(last, WeightNormOptions{initial, true, true, 0.1}, random));
}

torch::Tensor ConvolutionalGenerator::make(const torch::Tensor& latents, Pass& pass) {
  const auto first = at::linear(latents.to(pass.compute), linear_.to(pass.compute));
  auto h = at::relu(norms_[0]->forward(as_map(first), {}, pass))
               .view({-1, first_map_[0], first_map_[1], first_map_[2]})
               .contiguous(at::MemoryFormat::ChannelsLast);
  for (size_t i = 0; i < weights_.size(); ++i) h = at::relu(norms_[i + 1]->forward(doubled(h, weights_[i]), {}, pass));
  return at::tanh(output_->forward(h, pass));
}

ConvolutionalDiscriminator::ConvolutionalDiscriminator(const ImprovedOptions& options, const DataInfo& data,
                                                       Streams& random)
    : options_(options.discriminator) {
  const auto channels = options.discriminator_hidden();
  std::vector<TapPoint> points;
  auto in = data.channels;
  for (int64_t stage = 0; stage < 3; ++stage) {
    for (int64_t i = 0; i < per_stage; ++i) {
      WeightNormConv2dOptions c{in, channels[stage]};
      if (stage < 2 && i == 2) c.stride = 2;
      if (stage == 2) c.padding = 0;
      if (stage == 2 && i > 0) c.kernel = 1;
      const auto name = "conv" + std::to_string(stage * per_stage + i + 1);
      convolutions_.push_back(register_module(name, WeightNormConv2d(c, WeightNormOptions{initial}, random)));
      in = channels[stage];
    }
    points.push_back({options.taps()[stage], in});
  }
  points.push_back({options.taps()[3], in});
  const WeightNormOptions output{initial, true, true, 0.1};
  head_ = register_module("head", ClassifierHead(in, data.classes, options.minibatch_discrimination, output, random));
  taps = register_module("taps", std::make_shared<Taps>(std::move(points)));
}

torch::Tensor ConvolutionalDiscriminator::forward(const torch::Tensor& images, Pass& pass) {
  const auto& o = options_;
  const auto& points = taps->points();
  auto h = disturbed(images.to(pass.compute), o.input_dropout, o.input_noise, pass);
  for (size_t i = 0; i < convolutions_.size(); ++i) {
    h = at::leaky_relu(convolutions_[i]->forward(h, pass), 0.2);
    if (i % per_stage != per_stage - 1) continue;
    const auto stage = i / per_stage;
    h = (*taps)(points[stage].name.c_str(), h, pass);
    if (stage < 2) h = disturbed(h, o.dropout, o.noise, pass);
  }
  const auto pooled = h.mean({2, 3}, true, pass.compute == torch::kDouble ? torch::kDouble : torch::kFloat);
  return head_->forward(as_rows((*taps)(points[3].name.c_str(), pooled, pass)), pass);
}

}  // namespace fqgan
