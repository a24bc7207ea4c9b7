// Adam and averages against their formulas; the learning rate's course.
#include "fqgan/training/optimizer.h"

#include "fqgan/core/error.h"
#include "fqgan/training/average.h"
#include "fqgan/training/log_entries.h"
#include "fqgan/training/options.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(Adam, FollowsTheFormula) {
  auto w = leaf({3, 4}), unused = leaf({2});
  const auto untouched = unused.detach().clone();
  auto expected = w.detach().clone(), m = torch::zeros({3, 4}, torch::kDouble),
       v = torch::zeros({3, 4}, torch::kDouble);
  Adam adam({{}, 0.01, 0.5, 0.9, 1e-6}, {{"w", w}, {"unused", unused}});
  for (int t = 1; t <= 5; ++t) {
    adam.clear_gradients();
    (w.pow(3).sum() * t).backward();
    const auto g = w.grad().clone();
    adam.step(t == 3 ? 0.5 : 1.);
    m = 0.5 * m + 0.5 * g;
    v = 0.9 * v + 0.1 * g * g;
    const auto update = m / (1 - std::pow(0.5, t)) / ((v / (1 - std::pow(0.9, t))).sqrt() + 1e-6);
    expected = expected - (t == 3 ? 0.005 : 0.01) * update;
    EXPECT_LT((w.detach() - expected).abs().max().item<double>(), 1e-12);
  }
  EXPECT_TRUE(torch::equal(unused.detach(), untouched));
  EXPECT_EQ(adam.state().at("step.w").item<double>(), 5);
  EXPECT_EQ(adam.state().at("step.unused").item<double>(), 0);
}

TEST(Adam, WeightDecayJoinsTheGradient) {
  auto w = leaf({3, 4}), same = w.detach().clone().requires_grad_(true);
  OptimizerSpec spec{{}, 0.01, 0.5, 0.9, 1e-6}, decayed = spec;
  decayed.weight_decay = 0.3;
  Adam plain(spec, {{"w", w}}), with_decay(decayed, {{"w", same}});
  for (int t = 1; t <= 3; ++t) {
    plain.clear_gradients();
    with_decay.clear_gradients();
    (w.pow(3).sum() + 0.15 * w.pow(2).sum()).backward();
    same.pow(3).sum().backward();
    plain.step(1);
    with_decay.step(1);
  }
  EXPECT_LT((w - same).abs().max().item<double>(), 1e-12);
}

/// openai/improved-gan, nn.py, adam_updates.
TEST(Adam, WithEpsilonUnderTheRootFollowsTheReleasedCode) {
  for (const bool transposed : {false, true}) {
    auto w = transposed ? leaf({4, 3}).detach().t().requires_grad_() : leaf({3, 4});
    auto expected = w.detach().clone(), m = torch::zeros({3, 4}, torch::kDouble), v = m.clone();
    OptimizerSpec spec{{}, 0.01, 0.5, 0.9, 1e-2};
    spec.epsilon_in_root = true;
    Adam adam(spec, {{"w", w}});
    for (int t = 1; t <= 5; ++t) {
      adam.clear_gradients();
      (w.pow(3).sum() * t).backward();
      const auto g = w.grad().clone();
      adam.step(1);
      m = 0.5 * m + 0.5 * g;
      v = 0.9 * v + 0.1 * g * g;
      const auto corrected = v / (1 - std::pow(0.9, t));
      expected = expected - 0.01 * (m / (1 - std::pow(0.5, t))) / (corrected + 1e-2).sqrt();
      EXPECT_LT((w.detach() - expected).abs().max().item<double>(), 1e-12);
    }
  }
}

struct OneWeight : torch::nn::Module {
  explicit OneWeight(double value) {
    weight = register_parameter("weight", torch::full({2}, value, torch::kDouble));
    buffer = register_buffer("buffer", torch::full({2}, value, torch::kDouble));
  }
  torch::Tensor weight, buffer;
};

TEST(Average, CorrectedIsTheWeightedMeanOfWhatThereWas) {
  OneWeight source(0);
  const auto network = std::make_shared<OneWeight>(5);  // what it starts from is not in it
  AverageSpec spec{"source", network, 0.9};
  spec.corrected = true;
  double sum = 0, weights = 0;
  torch::NoGradGuard no_grad;
  for (int t = 0; t < 6; ++t) {
    source.weight.fill_(t * t + 1);
    update_average(spec, source, {t});
    sum = 0.9 * sum + 0.1 * (t * t + 1);
    weights = 0.9 * weights + 0.1;
    EXPECT_NEAR(network->weight[0].item<double>(), sum / weights, 1e-12);
  }
}

TEST(Average, RampsStartsAndAveragesBuffers) {
  OneWeight source(1);
  const auto network = std::make_shared<OneWeight>(0);
  AverageSpec spec{"source", network, 0.9, 2, true};
  update_average(spec, source, {0});  // before the start: a copy
  EXPECT_DOUBLE_EQ(network->weight[0].item<double>(), 1);
  torch::NoGradGuard no_grad;
  network->weight.fill_(0);
  network->buffer.fill_(0);
  update_average(spec, source, {2});  // t = 0: decay 0.1
  EXPECT_DOUBLE_EQ(network->weight[0].item<double>(), 0.9);
  EXPECT_DOUBLE_EQ(network->buffer[0].item<double>(), 0.9);
  network->weight.fill_(0);
  update_average(spec, source, {1000});  // far on: decay 0.9
  EXPECT_NEAR(network->weight[0].item<double>(), 0.1, 1e-12);
}

// stylegan2-ada-pytorch with 32 images an iteration and 10 kimg: 0.9977844 (training/training_loop.py).
TEST(Average, HalvesWithinSoManyImages) {
  AverageSpec spec{"source", nullptr};
  spec.half_life = 10000;
  EXPECT_NEAR(average_decay(spec, {0, 32, 0}), 0.9977844, 1e-7);
  EXPECT_NEAR(average_decay(spec, {7, 10000, 1 << 20}), 0.5, 1e-15);
  spec.half_life_ramp = 0.05;                     // until 200,000 images have been seen
  EXPECT_EQ(average_decay(spec, {0, 32, 0}), 0);  // a copy
  EXPECT_NEAR(average_decay(spec, {100, 32, 3200}), std::exp2(-32 / 160.), 1e-15);
  EXPECT_NEAR(average_decay(spec, {6250, 32, 200000}), std::exp2(-32 / 10000.), 1e-15);
  EXPECT_NEAR(average_decay(spec, {60000, 32, 1920000}), std::exp2(-32 / 10000.), 1e-15);
  spec.start = 50;
  EXPECT_EQ(average_decay(spec, {48, 32, 1536}), 0);
  EXPECT_GT(average_decay(spec, {49, 32, 1568}), 0);
  spec.ramp = true;
  EXPECT_THROW(average_decay(spec, {0, 32, 0}), InternalError);
}

// The closed form: a value that changes at each iteration has the weight (1 - decay_t) times all later decays.
TEST(Average, ByImagesIsTheWeightedMeanOfWhatThereWas) {
  OneWeight source(0);
  const auto network = std::make_shared<OneWeight>(5);
  AverageSpec spec{"source", network};
  spec.half_life = 100;
  spec.half_life_ramp = 0.5;
  spec.buffers = AverageBuffers::copy;
  const std::vector<int64_t> images{8, 8, 24, 8, 40, 8, 8};
  std::vector<double> decays;
  int64_t seen = 0;
  torch::NoGradGuard no_grad;
  for (size_t t = 0; t < images.size(); ++t) {
    const auto value = static_cast<double>(t * t + 1);
    source.weight.fill_(value);
    source.buffer.fill_(-value);
    update_average(spec, source, {static_cast<int64_t>(t), images[t], seen});
    const double half_life = std::min(100., 0.5 * static_cast<double>(seen));
    decays.push_back(half_life > 0 ? std::exp2(-static_cast<double>(images[t]) / half_life) : 0);
    seen += images[t];
    double expected = 0;
    for (size_t s = 0; s <= t; ++s) {
      double part = 1 - decays[s];
      for (size_t later = s + 1; later <= t; ++later) part *= decays[later];
      expected += part * static_cast<double>(s * s + 1);
    }
    EXPECT_NEAR(network->weight[0].item<double>(), expected, 1e-12 * expected);
    EXPECT_DOUBLE_EQ(network->buffer[0].item<double>(), -value);  // copied
  }
}

TEST(TrainingOptions, LearningRateFallsLinearly) {
  TrainingOptions options;
  options.iterations = 100;
  EXPECT_EQ(options.rate_factor(99), 1);
  options.decay_from = 0.5;
  options.decay_to = 0.1;
  EXPECT_EQ(options.rate_factor(50), 1);
  EXPECT_NEAR(options.rate_factor(75), 0.55, 1e-12);
  EXPECT_NEAR(options.rate_factor(100), 0.1, 1e-12);
}

TEST(LogEntries, AreMeansAndSurviveARestart) {
  LogEntries entries;
  entries.add("a", torch::tensor(1.f));
  LogEntries other;
  other.restore(entries.state());
  other.add("a", torch::tensor(4.f));
  EXPECT_DOUBLE_EQ(other.take().at("a"), 2.5);
  EXPECT_TRUE(other.take().empty());
  entries.add("a", torch::tensor(NAN));
  expect_error<NumericalError>([&] { entries.take(); }, {"[a]"});
}

}  // namespace
}  // namespace fqgan::test
