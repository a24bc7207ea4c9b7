// Historical averaging: the mean of every step's parameters, its gradient, and that it joins what a phase did before.
#include "fqgan/models/techniques/historical_averaging.h"

#include "models/quiet_step.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

struct OneLayer : Family {
  OneLayer() {
    networks["player"] = std::make_shared<torch::nn::LinearImpl>(3, 2);
    networks["player"]->to(torch::kDouble);
    phases = {Phase{"play", "player", {"player"}}};
  }
};

TEST(HistoricalAveraging, EqualsTheBruteForceMean) {
  OneLayer family;
  int calls = 0;
  family.phases[0].before_update = [&](Step&) { ++calls; };
  const double strength = 0.3;
  add_historical_averaging(family, "play", strength);
  auto parameters = family.networks["player"]->parameters();
  std::vector<torch::Tensor> history{parameters[0].detach().clone()};
  QuietStep step;
  Streams random(4, {});
  for (int t = 0; t < 20; ++t) {
    const auto gradient = random.normal({2, 3}, "gradient").to(torch::kDouble);
    parameters[0].mutable_grad() = gradient.clone();
    family.phases[0].before_update(step);
    const auto away = parameters[0].detach() - at::stack(history).mean(0);
    EXPECT_TRUE(at::allclose(parameters[0].grad(), gradient + 2 * strength * away, 1e-10, 1e-12)) << t;
    {
      torch::NoGradGuard no_grad;
      parameters[0].sub_(0.5 * parameters[0].grad());
    }
    family.phases[0].after_update(step);
    history.push_back(parameters[0].detach().clone());
  }
  EXPECT_EQ(calls, 20);  // what the phase did before it still does
  EXPECT_TRUE(at::allclose(family.state.at("historical.play.player.weight"), at::stack(history).mean(0), 1e-10));
  EXPECT_GT(step.reported.at("historical_averaging/play"), 0);
  // The bias never had a gradient of its own: it stays where it is, as does its mean.
  EXPECT_TRUE(at::allclose(family.state.at("historical.play.player.bias"), parameters[1].detach(), 1e-12));
  EXPECT_EQ(family.state.size(), 3u);  // memory of one copy of the parameters, whatever the length
}

TEST(HistoricalAveraging, GradientIsThatOfTheTerm) {
  OneLayer family;
  add_historical_averaging(family, "play", 0.7);
  QuietStep step;
  family.phases[0].before_update(step);  // remembers the first parameters
  auto weight = family.networks["player"]->parameters()[0];
  const auto mean = family.state.at("historical.play.player.weight").clone();
  {
    torch::NoGradGuard no_grad;
    weight.add_(torch::arange(6).view({2, 3}));
  }
  const auto copy = weight.detach().clone().requires_grad_(true);
  const auto expected = torch::autograd::grad({0.7 * (copy - mean).square().sum()}, {copy})[0];
  weight.mutable_grad() = torch::Tensor();
  family.phases[0].before_update(step);
  EXPECT_TRUE(at::allclose(weight.grad(), expected, 1e-12));
}

TEST(HistoricalAveraging, WithoutStrengthIsNotThere) {
  OneLayer family;
  add_historical_averaging(family, "play", 0);
  EXPECT_TRUE(family.state.empty());
  EXPECT_FALSE(family.phases[0].before_update);
}

}  // namespace
}  // namespace fqgan::test
