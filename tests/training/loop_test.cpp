// The loop against four families, resume to the bit, and what it promises them.
#include "fqgan/training/loop.h"

#include "fqgan/checkpoint/weights.h"
#include "fqgan/core/error.h"
#include "fqgan/models/weights.h"
#include "fqgan/nn/copy.h"
#include "stubs/stub_families.h"
#include "support/support.h"
#include "training/bench.h"

namespace fqgan::test {
namespace {

struct Collector : Observer {
  void on_report(const Report& report) override { reports.push_back(report); }
  std::vector<Report> reports;
};

class Families : public ::testing::TestWithParam<Make> {};

TEST_P(Families, EveryNetworkLearns) { expect_every_network_learns(GetParam()); }

TEST_P(Families, ResumeToTheBit) { expect_resume_to_the_bit(GetParam()); }

std::string family_name(const ::testing::TestParamInfo<Make>& info) {
  const char* names[] = {"BigGan", "StyleGan2", "Ugatit", "SemiSupervised"};
  return names[info.index];
}
INSTANTIATE_TEST_SUITE_P(Stubs, Families,
                         ::testing::Values(Make(biggan_stub), Make(stylegan2_stub), Make(ugatit_stub),
                                           Make(semi_supervised_stub)),
                         family_name);

TEST(Loop, RunsLazyPhasesAtTheirInterval) {
  Bench bench(stylegan2_stub);
  auto step_count = [&] {
    return bench.loop->checkpoint()
        .tensors.at("optimizer.generator.step.generator.synthesis.conv.weight")
        .item<double>();
  };
  bench.loop->iterate();
  EXPECT_EQ(step_count(), 2);  // Gmain and Greg share one optimizer
  bench.loop->iterate();
  EXPECT_EQ(step_count(), 3);
  bench.loop->iterate();
  EXPECT_EQ(step_count(), 5);
  EXPECT_NE(bench.family->state.at("path_length_mean").item<double>(), 0);
}

TEST(Loop, SharedBatchesAreTheSameInEveryPhase) {
  Collector collector;
  Bench bench(ugatit_stub, 3);
  bench.loop->run({&collector});
  ASSERT_EQ(collector.reports.size(), 3u);
  for (const auto& report : collector.reports)
    EXPECT_EQ(report.entries.at("mean_pixel/discriminators"), report.entries.at("mean_pixel/generators"));
  EXPECT_NE(collector.reports[0].entries.at("mean_pixel/generators"),
            collector.reports[1].entries.at("mean_pixel/generators"));
  EXPECT_EQ(bench.loop->at().images_seen, 3 * 2 * 4);
  for (const auto* name : {"generator_a2b", "generator_b2a"})
    EXPECT_LE(bench.family->networks.at(name)->named_parameters()["rho"].item<double>(), 1.);
}

TEST(Loop, PreparesOnceAndNotOnResume) {
  Bench first(semi_supervised_stub);
  first.loop->iterate();
  const auto saved = copy_of(first.loop->checkpoint());
  EXPECT_EQ(saved.metadata.at("cursor.unlabelled_d"), "8");
  EXPECT_EQ(saved.metadata.at("cursor.labelled"), "4");
  Bench second(semi_supervised_stub);
  second.loop->restore(saved);
  second.loop->iterate();
  EXPECT_EQ(second.loop->checkpoint().metadata.at("cursor.unlabelled_d"), "12");
}

TEST(Loop, AveragesFollowTheirNetwork) {
  Bench bench(semi_supervised_stub);
  const auto& average = bench.family->averages.at("classifier");
  std::map<std::string, torch::Tensor> before;
  for (const auto& [name, tensor] : state_of(*average.network)) before[name] = tensor.detach().clone();
  bench.loop->iterate();
  const auto network = state_of(*bench.family->networks.at("classifier")), mean = state_of(*average.network);
  EXPECT_FALSE(torch::equal(mean.at("scale"), network.at("scale")));
  for (const auto& [name, tensor] : mean) {
    const auto expected = before.at(name) * 0.9 + network.at(name).detach() * 0.1;  // the stub's decay
    EXPECT_TRUE(at::allclose(tensor, expected, 1e-6, 1e-7)) << name;
    EXPECT_FALSE(tensor.requires_grad());
  }
}

/// A layer with a float buffer and a counter, which are set by hand.
struct WithBuffers : torch::nn::Module {
  WithBuffers() {
    register_parameter("weight", torch::zeros({2}));
    mean = register_buffer("mean", torch::zeros({2}));
    count = register_buffer("count", torch::zeros({}, torch::kLong));
  }
  torch::Tensor mean, count;
};

TEST(Loop, AveragesTakeTheBuffersOfTheirNetwork) {
  for (const auto kind : {AverageBuffers::average, AverageBuffers::copy}) {
    Bench bench([&] {
      auto family = semi_supervised_stub();
      family->networks["extra"] = std::make_shared<WithBuffers>();
      AverageSpec spec{"extra", std::make_shared<WithBuffers>(), 0.9};
      spec.buffers = kind;
      family->averages["extra"] = spec;
      return family;
    });
    auto& network = dynamic_cast<WithBuffers&>(*bench.family->networks.at("extra"));
    network.mean.fill_(10);
    network.count.fill_(7);
    bench.loop->iterate();
    const auto& average = dynamic_cast<WithBuffers&>(*bench.family->averages.at("extra").network);
    EXPECT_NEAR(average.mean[0].item<double>(), kind == AverageBuffers::average ? 1 : 10, 1e-6);
    EXPECT_EQ(average.count.item<int64_t>(), 7) << "a number that is counted cannot be averaged";
  }
}

TEST(Loop, AveragesByTheImagesOfAnIteration) {
  Bench bench(stylegan2_stub);
  auto& average = bench.family->averages.at("generator");
  average.half_life = 20;
  average.half_life_ramp = 0.5;
  const auto weight = [&] { return average.network->parameters()[0].detach().clone(); };
  bench.loop->iterate();  // no images seen: a copy
  const auto& network = *bench.family->networks.at("generator");
  EXPECT_TRUE(torch::equal(weight(), network.parameters()[0]));
  for (int64_t i = 1; i < 4; ++i) {
    const auto before = weight();
    const auto seen = static_cast<double>(bench.loop->at().images_seen);
    bench.loop->iterate();
    const auto images = static_cast<double>(bench.loop->at().images_seen) - seen;
    const double decay = std::pow(0.5, images / std::min(20., 0.5 * seen));
    const auto expected = before * decay + network.parameters()[0].detach() * (1 - decay);
    EXPECT_TRUE(at::allclose(weight(), expected, 1e-5, 1e-7)) << i;
  }
}

TEST(Loop, FreezesWhatAPhaseDoesNotTrain) {
  Bench bench(biggan_stub);
  auto& phases = bench.family->phases;
  const auto inner = phases[0].gradients;
  phases[0].gradients = [&](Step& step) {
    inner(step);
    for (const auto& parameter : bench.family->networks.at("generator")->parameters()) {
      EXPECT_FALSE(parameter.requires_grad());
      EXPECT_FALSE(parameter.grad().defined());
    }
  };
  bench.loop->iterate();
}

/// One linear layer without any state, in float64; its loss is a mean over the batch and not linear in the images.
class Stateless : public Family {
 public:
  Stateless(int64_t batch, int64_t accumulate) {
    numerics.compute = torch::kDouble;
    layer_ = std::make_shared<torch::nn::LinearImpl>(8 * 8, 5);
    torch::NoGradGuard no_grad;
    layer_->weight.copy_(Streams(3, {}).normal(layer_->weight.sizes(), "weight"));
    layer_->bias.zero_();
    networks = {{"layer", layer_}};
    optimizers = {{"layer", {{"layer"}}}};
    streams = {{"train", {"train", batch}}};
    Phase phase{"layer", "layer", {"layer"}};
    phase.accumulate = accumulate;
    phase.gradients = [this](Step& step) {
      seen.push_back(step.at());
      step.backward(at::softplus(layer_->forward(step.next("train").images.flatten(1))).pow(2).mean());
    };
    phase.before_update = [this](Step&) {
      for (const auto& parameter : layer_->named_parameters())
        gradients.emplace(parameter.key(), parameter.value().grad().clone());
    };
    phases = {phase};
    place();
  }
  std::map<std::string, torch::Tensor> gradients;
  std::vector<Counters> seen;

 private:
  std::shared_ptr<torch::nn::LinearImpl> layer_;
};

TEST(Loop, AccumulatedMicroBatchesAreOneBatch) {
  // The first eight images as one batch, as two halves and as four quarters: the mean of their gradients, not the sum.
  const auto bench_of = [](int64_t batch, int64_t accumulate) {
    return std::make_unique<Bench>([=] { return std::make_unique<Stateless>(batch, accumulate); });
  };
  const auto whole = bench_of(8, 1);
  whole->loop->iterate();
  const auto& expected = dynamic_cast<Stateless&>(*whole->family).gradients;
  ASSERT_EQ(expected.size(), 2u);
  for (const int64_t parts : {2, 4}) {
    const auto bench = bench_of(8 / parts, parts);
    bench->loop->iterate();
    const auto& family = dynamic_cast<Stateless&>(*bench->family);
    for (const auto& [name, gradient] : expected) {
      EXPECT_GT(gradient.abs().max().item<double>(), 1e-3) << name;
      EXPECT_LT((family.gradients.at(name) - gradient).abs().max().item<double>(), 1e-12) << name << ", " << parts;
    }
    ASSERT_EQ(family.seen.size(), static_cast<size_t>(parts));
    for (int64_t i = 0; i < parts; ++i) EXPECT_EQ(family.seen[i].micro_batch, i);
    EXPECT_EQ(bench->loop->at().images_seen, 8);
    EXPECT_EQ(bench->loop->checkpoint().tensors.at("optimizer.layer.step.layer.weight").item<double>(), 1);
  }
}

TEST(Loop, HandsOnToLaterPhasesOfTheIterationByMicroBatch) {
  const auto bench_of = [] { return std::make_unique<Bench>([] { return std::make_unique<Stateless>(4, 2); }); };
  const auto bench = bench_of();
  auto& phases = bench->family->phases;
  phases[0].before_update = {};
  phases.push_back(phases[0]);
  const auto micro_batch = [](Step& step) { return torch::full({}, static_cast<double>(step.at().micro_batch)); };
  phases[0].gradients = [&](Step& step) { step.hand_on("fakes", {micro_batch(step), torch::Tensor()}); };
  int64_t taken = 0;
  phases[1].gradients = [&](Step& step) {
    const auto fakes = step.take("fakes");
    ASSERT_EQ(fakes.size(), 2u);
    EXPECT_TRUE(torch::equal(fakes[0], micro_batch(step)));
    EXPECT_FALSE(fakes[1].defined());
    EXPECT_THROW(step.take("fakes"), InternalError);
    ++taken;
  };
  bench->loop->iterate();
  EXPECT_EQ(taken, 2);
}

TEST(Loop, NothingIsHandedOnToTheNextIterationEvenAfterAnException) {
  Bench bench([] { return std::make_unique<Stateless>(4, 1); });
  bench.family->phases[0].before_update = {};
  auto& gradients = bench.family->phases[0].gradients;
  gradients = [](Step& step) {
    step.hand_on("fakes", {torch::ones({})});
    EXPECT_THROW(step.hand_on("fakes", {torch::ones({})}), InternalError);
    throw NumericalError("test", "broken");
  };
  EXPECT_THROW(bench.loop->iterate(), NumericalError);
  gradients = [](Step& step) { EXPECT_THROW(step.take("fakes"), InternalError); };
  bench.loop->iterate();
}

TEST(Loop, AnInfiniteLossIsANumericalError) {
  Bench bench(biggan_stub);
  bench.family->phases[1].gradients = [](Step& step) { step.backward(torch::full({}, INFINITY)); };
  expect_error<NumericalError>([&] { bench.loop->iterate(); }, {"[loss]"});
}

TEST(Loop, RefusesACheckpointOfAnotherArchitecture) {
  Bench biggan(biggan_stub), style(stylegan2_stub);
  EXPECT_THROW(style.loop->restore(biggan.loop->checkpoint()), UserError);
  auto damaged = copy_of(biggan.loop->checkpoint());
  damaged.tensors["network.generator.conv.weight"] = torch::zeros({1, 4, 5, 5});
  expect_error<UserError>([&] { biggan.loop->restore(damaged); }, {"network.generator.conv.weight"});
  auto numberless = copy_of(biggan.loop->checkpoint());
  numberless.metadata["iteration"] = "many";
  expect_error<UserError>([&] { biggan.loop->restore(numberless); }, {"'many'"});
  expect_error<UserError>([&] { biggan.loop->restore(weights_only(numberless)); }, {"--from"});
}

TEST(Loop, TheLearningRateFallsToItsEnd) {
  const auto moved = [](double end) {
    const auto family = std::make_unique<Stateless>(4, 1);
    family->phases[0].before_update = {};
    ToyData data(12, 1, 8, 3);
    LoopOptions options;
    options.training.iterations = 2;
    options.training.sample_every = 0;
    options.training.decay_from = 0;
    options.training.decay_to = end;
    Loop loop(*family, {{"train", &data}}, options);
    loop.iterate();
    const auto before = family->networks.at("layer")->parameters()[0].detach().clone();
    loop.iterate();
    return (family->networks.at("layer")->parameters()[0].detach() - before).abs().max().item<double>();
  };
  EXPECT_NEAR(moved(0) / moved(1), 0.5, 0.05) << "half of the length is done";
}

TEST(Loop, SavesAtItsCadenceAndAtTheEnd) {
  TemporaryFolder folder;
  const auto family = biggan_stub();
  ToyData data(12, 1, 8, 3);
  LoopOptions options;
  options.training.iterations = 5;
  options.training.sample_every = 0;
  options.training.checkpoint_every = 2;
  std::vector<int64_t> saved;
  options.checkpoint_path = [&](int64_t step) {
    saved.push_back(step);
    return (folder / std::to_string(step)).string();
  };
  Loop(*family, {{"train", &data}}, options).run();
  EXPECT_EQ(saved, (std::vector<int64_t>{2, 4, 5}));
  for (const auto step : saved)
    EXPECT_EQ(load_checkpoint(folder / std::to_string(step)).metadata.at("iteration"), std::to_string(step));
}

TEST(Loop, ASignalSavesAndStops) {
  TemporaryFolder folder;
  auto family = biggan_stub();
  ToyData data(12, 1, 8, 3);
  LoopOptions options;
  options.training.iterations = 100;
  options.training.sample_every = 0;
  int64_t polls = 0;
  options.interrupted = [&] { return ++polls == 3 ? 15 : 0; };
  options.checkpoint_path = [&](int64_t step) { return (folder / (std::to_string(step) + ".safetensors")).string(); };
  Loop loop(*family, {{"train", &data}}, options);
  EXPECT_EQ(loop.run(), 15);
  EXPECT_EQ(load_checkpoint(folder / "3.safetensors").metadata.at("iteration"), "3");
}

}  // namespace
}  // namespace fqgan::test
