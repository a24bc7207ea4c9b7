#include "models/dump/stylegan2_primitives.h"

#include <cmath>
#include <functional>

#include "fqgan/nn/layers.h"
#include "fqgan/nn/minibatch_std.h"
#include "fqgan/nn/modulated_convolution.h"
#include "fqgan/ops/filtered_convolution.h"
#include "fqgan/ops/upfirdn.h"

namespace fqgan::test {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

/// An entry of the fixture: its inputs, and what is made of them.
struct Entry {
  const Tensors& fixture;
  std::string name;
  torch::ScalarType type;
  Pass& pass;
  Tensors leaves = {};

  const torch::Tensor& raw(const std::string& key) const { return fixture.at(name + "." + key); }
  /// The input as a leaf, whose gradient is taken.
  torch::Tensor operator()(const std::string& key) {
    return leaves.emplace(key, raw(key).to(type).clone().requires_grad_()).first->second;
  }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The taps of a filter of one dimension, or of the outer product of [1, 3, 3, 1] with itself; empty for others.
std::vector<double> taps_of(const torch::Tensor& filter) {
  if (filter.dim() == 1) {
    const auto wide = filter.to(torch::kDouble).contiguous();
    return {wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()};
  }
  const auto own = torch::tensor(ops::style_gan_taps(), torch::kDouble);
  return filter.size(0) == 4 && at::allclose(filter.to(torch::kDouble), at::outer(own, own)) ? ops::style_gan_taps()
                                                                                             : std::vector<double>();
}

torch::Tensor filtered(Entry& e) {
  const auto n = e.raw("up_down_pads_flip_gain").to(torch::kLong);
  const auto number = [&](int64_t k) { return n[k].item<int64_t>(); };
  ops::Upfirdn filter;
  filter.taps = taps_of(e.raw("filter"));
  if (filter.taps.empty() || number(0) != number(1) || number(2) != number(3)) return {};
  filter.up = number(0);
  filter.down = number(2);
  filter.padding = {number(4), number(5), number(6), number(7)};
  filter.correlation = number(8);
  filter.gain = static_cast<double>(number(9));
  return e.pass.reference_operators ? ops::reference::upfirdn(e("x"), filter) : ops::upfirdn(e("x"), filter);
}

torch::Tensor convolved(Entry& e) {
  if (contains(e.name, "1x1_up2")) return {};
  if (contains(e.name, "down2")) return downsampling_convolution(e("x"), e("weight"), e.pass);
  return modulated_convolution(e("x"), e("weight"), {}, contains(e.name, "up2"), {}, e.pass);
}

torch::Tensor modulated(Entry& e) {
  const auto weight = e("weight"), style = e("styles");
  const auto y = modulated_convolution(e("x"), weight, style, contains(e.name, "up2"), {}, e.pass);
  ops::BiasActivation end;
  if (!contains(e.name, "raw")) end.scale = demodulation(weight, style);
  if (contains(e.name, "noise")) {
    const auto noise = e("noise");
    end.noise = noise.dim() == 2 ? noise.unsqueeze(0).unsqueeze(0) : noise;
  }
  return activated(y, end, e.pass);
}

torch::Tensor biased(Entry& e) {
  const double half = std::sqrt(0.5);
  ops::BiasActivation end;
  if (contains(e.name, "lrelu")) end = ops::leaky_relu(1, 0);
  if (contains(e.name, "lrelu_gain_1_clamp")) end.gain = 1, end.clamp = 0.4;
  if (contains(e.name, "lrelu_half_clamp")) end = ops::leaky_relu(half, 0.6);
  if (contains(e.name, "linear_gain_clamp")) end.gain = half, end.clamp = 0.5;
  end.bias = e("bias");
  return activated(e("x"), end, e.pass);
}

torch::Tensor fully_connected(Entry& e) {
  const auto weight = e("weight"), bias = e("bias");
  auto random = Streams::unused();
  const double multiplier = contains(e.name, "multiplier") ? 0.01 : 1;
  Linear layer(weight.size(1), weight.size(0), true, equalized(multiplier), random);
  layer->to(e.type);
  torch::NoGradGuard no_grad;
  layer->weight.copy_(weight);
  layer->bias.copy_(bias);
  e.leaves.at("weight") = layer->weight;
  e.leaves.at("bias") = layer->bias;
  const torch::AutoGradMode with_gradients(true);
  const auto y = layer->forward(e("x"), e.pass);
  return contains(e.name, "lrelu") ? activated(y, ops::leaky_relu(1, 0), e.pass) : y;
}

torch::Tensor deviated(Entry& e) {
  return with_minibatch_std(e("x"), std::stoll(e.name.substr(e.name.rfind('_') + 1)), 1);
}

const std::vector<std::pair<std::string, std::function<torch::Tensor(Entry&)>>> kinds = {
    {"upfirdn.", filtered},
    {"upsample2d", [](Entry& e) { return upsampled(e("x"), e.pass); }},
    {"downsample2d", [](Entry& e) { return downsampled(e("x"), e.pass); }},
    {"conv", convolved},
    {"modulated.", modulated},
    {"bias_act.", biased},
    {"fully_connected.", fully_connected},
    {"minibatch_std.", deviated},
};

}  // namespace

Tensors stylegan2_primitives(const Tensors& fixture, torch::ScalarType type, Pass& pass) {
  Tensors found;
  for (const auto& [key, expected] : fixture) {
    if (!key.ends_with(".y")) continue;
    Entry entry{fixture, key.substr(0, key.size() - 2), type, pass};
    for (const auto& [beginning, make] : kinds) {
      if (!entry.name.starts_with(beginning)) continue;
      const auto y = make(entry);
      if (!y.defined()) continue;
      found[key] = y;
      (y * entry.raw("g").to(type)).sum().backward();
      for (const auto& [input, leaf] : entry.leaves) found[entry.name + ".grad_" + input] = leaf.grad();
    }
  }
  return found;
}

}  // namespace fqgan::test
