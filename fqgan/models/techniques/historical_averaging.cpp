#include "fqgan/models/techniques/historical_averaging.h"

#include <algorithm>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

struct Player {
  std::vector<torch::Tensor> parameters, means;
  torch::Tensor steps;  // number of steps averaged so far
  double strength;
  std::string log_entry;

  /// The gradient of the term: 2 strength (theta - mean).
  void pull(Step& step) {
    torch::NoGradGuard no_grad;
    if (steps.item<int64_t>() == 0) remember();
    auto distance = torch::zeros({}, means.front().options());
    for (size_t i = 0; i < means.size(); ++i) {
      const auto away = parameters[i] - means[i];
      distance += away.square().sum();
      auto& gradient = parameters[i].mutable_grad();
      gradient = gradient.defined() ? gradient.add_(away, 2 * strength) : away * (2 * strength);
    }
    step.report(log_entry, distance);
  }

  void remember() {
    torch::NoGradGuard no_grad;
    steps.add_(1);
    const auto fraction = 1. / static_cast<double>(steps.item<int64_t>());
    for (size_t i = 0; i < means.size(); ++i) means[i].lerp_(parameters[i], fraction);
  }
};

}  // namespace

void add_historical_averaging(Family& family, const std::string& name, double strength) {
  if (strength == 0) return;
  const auto phase =
      std::find_if(family.phases.begin(), family.phases.end(), [&](const auto& p) { return p.name == name; });
  FQGAN_CHECK(phase != family.phases.end(), "no phase '" + name + "'");
  auto player = std::make_shared<Player>();
  player->strength = strength;
  player->log_entry = "historical_averaging/" + name;
  player->steps = family.state["historical." + name + ".steps"] = torch::zeros({}, torch::kInt64);
  for (const auto& network : phase->trains)
    for (const auto& entry : family.networks.at(network)->named_parameters()) {
      player->parameters.push_back(entry.value());
      player->means.push_back(torch::zeros_like(entry.value()).requires_grad_(false));
      family.state["historical." + name + "." + network + "." + entry.key()] = player->means.back();
    }
  const auto before = phase->before_update, after = phase->after_update;
  phase->before_update = [player, before](Step& step) {
    if (before) before(step);
    player->pull(step);
  };
  phase->after_update = [player, after](Step& step) {
    if (after) after(step);
    player->remember();
  };
}

}  // namespace fqgan
