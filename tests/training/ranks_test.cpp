// Several ranks, as threads of one process, each with its own family and loop: R ranks of N / R images equal one of N.
#include "fqgan/core/error.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/layers.h"
#include "fqgan/nn/minibatch_discrimination.h"
#include "stubs/stub_families.h"
#include "support/gradients.h"
#include "support/support.h"
#include "support/thread_ranks.h"
#include "training/bench.h"

namespace fqgan::test {
namespace {

struct Kept : Observer {
  void on_report(const Report& report) override { reports.push_back(report); }
  std::vector<Report> reports;
};

struct Outcome {
  Checkpoint checkpoint;
  std::vector<Report> reports;
};

Outcome train(const Make& make, int64_t iterations, const Ranks* ranks) {
  Bench bench(make, iterations, 8, ranks);
  Kept kept;
  bench.loop->run({&kept});
  return {copy_of(bench.loop->checkpoint()), kept.reports};
}

std::vector<Outcome> train_on(int64_t count, const Make& make, int64_t iterations) {
  std::vector<Outcome> outcomes(count);
  on_ranks(count, [&](const Ranks& ranks) { outcomes[ranks.rank()] = train(make, iterations, &ranks); });
  return outcomes;
}

/// The family in float64, on plain operators.
Make in_float64(const Make& make) {
  return [make] {
    auto family = make();
    family->numerics.compute = torch::kDouble;
    family->numerics.reference_operators = true;
    family->place();
    return family;
  };
}

/// The largest difference of any tensor, relative where values are large.
double difference(const Checkpoint& a, const Checkpoint& b, std::string* where = nullptr) {
  double largest = 0;
  EXPECT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) {
    const auto x = tensor.to(torch::kDouble), y = b.tensors.at(name).to(torch::kDouble);
    const double scale = std::max(1., y.abs().max().item<double>());
    const double found = (x - y).abs().max().item<double>() / scale;
    if (found > largest && where) *where = name;
    largest = std::max(largest, found);
  }
  return largest;
}

class OnRanks : public ::testing::TestWithParam<Make> {};

TEST_P(OnRanks, RanksWithPartsOfTheBatchEqualOneWithTheWhole) {
  constexpr int64_t iterations = 5;
  const auto make = in_float64(GetParam());
  const auto expected = train(make, iterations, nullptr);
  for (const int64_t count : {2, 4}) {
    const auto outcomes = train_on(count, make, iterations);
    std::string where;
    EXPECT_LT(difference(outcomes[0].checkpoint, expected.checkpoint, &where), 1e-10) << where << ", " << count;
    EXPECT_EQ(outcomes[0].checkpoint.metadata, expected.checkpoint.metadata);
    for (const auto& outcome : outcomes) expect_same(outcome.checkpoint, outcomes[0].checkpoint);
    ASSERT_EQ(outcomes[0].reports.size(), expected.reports.size());
    for (size_t i = 0; i < expected.reports.size(); ++i)
      for (const auto& [name, value] : expected.reports[i].entries)
        EXPECT_NEAR(outcomes[0].reports[i].entries.at(name), value, 1e-10 * std::max(1., std::abs(value))) << name;
    for (int64_t rank = 1; rank < count; ++rank) EXPECT_TRUE(outcomes[rank].reports.empty()) << "rank 0 alone writes";
  }
}

// In float32, on the fast operators, ranks add in another order. What that may do is measured by what rounding does to
// a single process: its distance to the float64 run. Ranks may be four times as far (and 1e-6, where that is nothing).
TEST_P(OnRanks, InFloat32TheyAreAsNearToTheTruthAsOneProcess) {
  constexpr int64_t iterations = 3;
  const auto truth = train(in_float64(GetParam()), iterations, nullptr).checkpoint;
  const double alone = difference(train(GetParam(), iterations, nullptr).checkpoint, truth);
  for (const int64_t count : {2, 4}) {
    const auto outcomes = train_on(count, GetParam(), iterations);
    std::string where;
    const double found = difference(outcomes[0].checkpoint, truth, &where);
    EXPECT_LE(found, 4 * alone + 1e-6) << where << ", " << count;
    RecordProperty("ranks_" + std::to_string(count), ::testing::PrintToString(std::pair(alone, found)));
    for (const auto& outcome : outcomes) expect_same(outcome.checkpoint, outcomes[0].checkpoint);
  }
}

TEST_P(OnRanks, ANumberThatIsNotFiniteOnOneStopsAll) {
  const auto phases = GetParam()()->phases.size();
  for (size_t p = 0; p < phases; ++p) {
    std::vector<std::string> messages(2);
    on_ranks(2, [&](const Ranks& ranks) {
      Bench bench(GetParam(), 2, 8, &ranks);
      auto& phase = bench.family->phases[p];
      const auto inner = phase.gradients;
      if (ranks.rank() == 1)
        phase.gradients = [&](Step& step) {
          inner(step);
          auto& network = *bench.family->networks.at(phase.trains[0]);
          step.backward(network.parameters()[0].sum() * std::nan(""));
        };
      try {
        bench.loop->iterate();
      } catch (const NumericalError& error) {
        messages[ranks.rank()] = error.what();
      }
    });
    for (const auto& message : messages) expect_names(message, {"[loss]"});
  }
}

INSTANTIATE_TEST_SUITE_P(Stubs, OnRanks,
                         ::testing::Values(Make(biggan_stub), Make(stylegan2_stub), Make(ugatit_stub),
                                           Make(semi_supervised_stub)));

TEST(Ranks, BrokenFeaturesOfOneStopAllAtTheirTap) {
  std::vector<std::string> messages(2);
  on_ranks(2, [&](const Ranks& ranks) {
    Bench bench(biggan_stub, 2, 8, &ranks);
    bench.loop->iterate();
    torch::NoGradGuard no_grad;
    if (ranks.rank() == 1) bench.family->networks.at("generator")->parameters()[0].fill_(std::nan(""));
    try {
      bench.loop->iterate();
    } catch (const NumericalError& error) {
      messages[ranks.rank()] = error.what();
    }
  });
  for (const auto& message : messages) expect_names(message, {"[tap block0]"});
}

TEST(Ranks, BeginWithTheWeightsOfTheFirst) {
  const auto expected = train(biggan_stub, 2, nullptr).checkpoint;
  std::vector<Checkpoint> found(2);
  on_ranks(2, [&](const Ranks& ranks) {
    Bench bench(biggan_stub, 2, 8, &ranks);
    {
      torch::NoGradGuard no_grad;
      if (ranks.rank() == 1) bench.family->networks.at("generator")->parameters()[0].add_(1);
    }
    bench.loop->run();
    found[ranks.rank()] = copy_of(bench.loop->checkpoint());
  });
  EXPECT_LT(difference(found[0], expected), 1e-3);
  expect_same(found[1], found[0]);
}

TEST(Ranks, DrawTheirPartsOfTheGlobalBatch) {
  const auto draw = [](const Ranks* ranks) {
    std::vector<torch::Tensor> drawn;
    Bench bench(biggan_stub, 1, 8, ranks);
    bench.family->phases[1].gradients = [&](Step& step) {
      drawn = {step.normal(4, {3, 2}, "a"), step.uniform(4, {}, "b"), step.integers(1000, 4, {2}, "c")};
    };
    bench.loop->iterate();
    return drawn;
  };
  const auto whole = draw(nullptr);
  EXPECT_EQ(whole[0].sizes(), at::IntArrayRef({4, 3, 2}));
  EXPECT_EQ(whole[2].scalar_type(), torch::kLong);
  std::vector<std::vector<torch::Tensor>> parts(2);
  on_ranks(2, [&](const Ranks& ranks) { parts[ranks.rank()] = draw(&ranks); });
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(torch::equal(torch::cat({parts[0][i], parts[1][i]}), whole[i]));
}

TEST(Ranks, OneCollectivePerOptimizerStepAndPerTap) {
  const CountingRanks counting;
  Bench bench(biggan_stub, 2, 8, &counting);
  bench.loop->iterate();  // and the start, which is shared
  counting.calls = 0;
  bench.loop->iterate();
  // Four steps of D and one of G: each one for its gradients and one for the tap of its forward.
  EXPECT_EQ(counting.calls, 10);
}

TEST(Ranks, ASignalToOneStopsAllAndTheFirstAloneSaves) {
  TemporaryFolder folder;
  std::vector<int> returned(2);
  on_ranks(2, [&](const Ranks& ranks) {
    auto family = biggan_stub();
    ToyData data(12, 1, 8, 3);
    LoopOptions options;
    options.training.iterations = 100;
    options.training.sample_every = 0;
    options.ranks = &ranks;
    int64_t polls = 0;
    options.interrupted = [&] { return ++polls == 3 && ranks.rank() == 1 ? 2 : 0; };
    options.checkpoint_path = [&](int64_t step) {
      return (folder / (std::to_string(ranks.rank()) + "-" + std::to_string(step))).string();
    };
    Loop loop(*family, {{"train", &data}}, options);
    returned[ranks.rank()] = loop.run();
    EXPECT_EQ(loop.at().iteration, 3);
  });
  EXPECT_EQ(returned, (std::vector<int>{15, 2}));
  EXPECT_EQ(load_checkpoint(folder / "0-3").metadata.at("iteration"), "3");
  EXPECT_FALSE(std::filesystem::exists(folder / "1-3"));
}

TEST(Ranks, ACheckpointThatCannotBeWrittenStopsAll) {
  TemporaryFolder folder;
  std::vector<std::string> messages(2);
  on_ranks(2, [&](const Ranks& ranks) {
    auto family = biggan_stub();
    ToyData data(12, 1, 8, 3);
    LoopOptions options;
    options.training.iterations = 1;
    options.ranks = &ranks;
    options.checkpoint_path = [&](int64_t) { return (folder / "missing" / "file").string(); };
    Loop loop(*family, {{"train", &data}}, options);
    try {
      loop.run();
    } catch (const std::exception& error) {
      messages[ranks.rank()] = error.what();
    }
  });
  expect_names(messages[0], {"missing"});
  expect_names(messages[1], {"[ranks]", "0"});
}

TEST(Ranks, StartWeightNormalizationFromTheWholeBatch) {
  const auto images = Streams(2, {}).normal({4, 5}, "images") * 3 + 1;
  const auto started = [&](const Ranks* ranks) {
    TestPass t;
    WeightOptions weight;
    weight.normalization = WeightNormalization::weight;
    Linear layer(5, 3, true, weight, t.streams);
    t.pass.initialise = true;
    t.pass.ranks = ranks;
    layer->forward(part_of(images, ranks), t.pass);
    return torch::cat({layer->scale.detach(), layer->bias.detach()});
  };
  const auto whole = started(nullptr);
  std::vector<torch::Tensor> found(2);
  on_ranks(2, [&](const Ranks& ranks) { found[ranks.rank()] = started(&ranks); });
  EXPECT_TRUE(at::allclose(found[0], whole, 1e-5, 1e-6));
  EXPECT_TRUE(torch::equal(found[0], found[1]));
}

TEST(Ranks, RefuseWhatTheyCannotShare) {
  const auto on_two = [](const std::function<void(const Ranks&)>& body) {
    return message_of<UserError>([&] { on_ranks(2, body); });
  };
  expect_error<UserError>([] { on_ranks(3, [](const Ranks& ranks) { Bench bench(biggan_stub, 1, 8, &ranks); }); },
                          {"[ranks]", "3", "4"});
  expect_names(on_two([](const Ranks& ranks) {
                 TestPass t;
                 t.pass.training = true;
                 t.pass.ranks = &ranks;
                 BatchNorm layer(3, Condition{}, t.streams);
                 layer->forward(torch::ones({2, 3, 4, 4}), {}, t.pass);
               }),
               {"[batch_norm]", "2"});
  expect_names(on_two([](const Ranks& ranks) {
                 TestPass t;
                 t.pass.ranks = &ranks;
                 MinibatchDiscrimination layer(3, 4, 2, t.streams);
                 layer->forward(torch::ones({2, 3}), t.pass);
               }),
               {"[minibatch_discrimination]", "2"});
}

// Of the test support: whoever throws does not leave the others waiting.
TEST(Ranks, AsThreadsStopTogether) {
  const auto one_throws = [](const Ranks& ranks) {
    if (ranks.rank() == 1) fail("test", "rank 1 is broken");
    ranks.any(false);
  };
  expect_error<UserError>([&] { on_ranks(3, one_throws); }, {"rank 1 is broken"});
  const auto one_leaves = [](const Ranks& ranks) {
    if (ranks.rank() != 1) ranks.any(false);
  };
  EXPECT_THROW(on_ranks(3, one_leaves), std::runtime_error);
  const auto they_differ = [](const Ranks& ranks) {
    if (ranks.rank() == 1) ranks.gather(torch::zeros({}));
    ranks.any(false);
  };
  EXPECT_THROW(on_ranks(2, they_differ), InternalError);
  on_ranks(3, [](const Ranks& ranks) {
    const auto own = torch::full({2}, 1. + static_cast<double>(ranks.rank()));
    std::vector<torch::Tensor> sum{own, own * 10}, given{own};
    ranks.sum(sum);
    ranks.broadcast(given, 2);
    EXPECT_EQ(sum[0][0].item<double>(), 6);
    EXPECT_EQ(sum[1][1].item<double>(), 60);
    EXPECT_EQ(given[0][0].item<double>(), 3);
    const auto all = ranks.gather(own);
    for (int64_t r = 0; r < 3; ++r) EXPECT_EQ(all[r][0].item<double>(), 1. + static_cast<double>(r));
    EXPECT_TRUE(ranks.any(ranks.rank() == 2));
    EXPECT_FALSE(ranks.any(false));
  });
}

}  // namespace
}  // namespace fqgan::test
