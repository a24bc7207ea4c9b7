// A quantizer's dictionary: its start by k-means, revival, several taps, several ranks, features that are not finite.
#include <limits>

#include "fqgan/core/error.h"
#include "nn/small_quantizer.h"
#include "support/gradients.h"
#include "support/support.h"
#include "support/thread_ranks.h"

namespace fqgan::test {
namespace {

TEST(FeatureQuantizer, KmeansInitialisationFindsTheCentresOfTheBatch) {
  FeatureQuantizerOptions options;
  options.codes = K;
  options.initialisation = "kmeans";
  Streams random(5, {});
  FeatureQuantizer layer(D, options, random);
  TestPass t;
  t.pass.initialise = true;
  const auto centres = 50 * leaf({K, D}).detach().to(torch::kFloat);
  const auto noise = Streams(2, {}).normal({20, D, 2, K}, "noise");
  const auto h = (noise + centres.t().reshape({1, D, 1, K})).contiguous();  // 40 rows a centre
  layer.apply("tap", h, t.pass);
  const auto rows = h.permute({3, 0, 2, 1}).reshape({K, -1, D});
  const auto nearest = (layer.codebook.unsqueeze(1) - rows.mean(1).unsqueeze(0)).abs().amax(2);
  EXPECT_GE((nearest < 1e-3).any(1).sum().item<int64_t>(), K - 2) << "Lloyd's iterations may merge or split a centre";
  EXPECT_LT((layer.codebook_sum / layer.cluster_size.unsqueeze(1) - layer.codebook).abs().max().item<double>(), 1e-4);
  EXPECT_EQ(layer.cluster_size.sum().item<double>(), 40 * K);
  EXPECT_LT(t.pass.reports.at(0).log_entries().at("relative_error").item<double>(), 0.1);
}

TEST(FeatureQuantizer, KmeansStartsASharedDictionaryAtTheFirstOfItsTaps) {
  const auto first = leaf({4, D, 3, 2}).detach(), second = 10 + leaf({4, D, 3, 2}, 8).detach();
  Taps taps({{"block0", D}, {"block1", D}});
  auto shared = quantizer("loss_only", "kmeans"), alone = quantizer("loss_only", "kmeans");
  for (const auto* tap : {"block0", "block1"}) taps.attach(tap, shared);
  TestPass t, of_alone;
  t.pass.initialise = of_alone.pass.initialise = true;
  taps("block0", first, t.pass);
  taps("block1", second, t.pass);
  alone->apply("block0", first, of_alone.pass);
  for (const auto& [name, buffer] : state_of(*alone))
    EXPECT_TRUE(torch::equal(state_of(*shared).at(name), buffer)) << name;
  EXPECT_GT(shared->cluster_size.min().item<double>(), 0);
  ASSERT_EQ(t.pass.reports.size(), 2u) << "each tap reports";
  EXPECT_GT(t.pass.reports[1].log_entries().at("quantization_error").item<double>(), 10) << "second is far from first";
}

TEST(FeatureQuantizer, RevivesDeadCodesWithRowsOfTheBatchAndResetsBothSums) {
  auto layer = quantizer();
  layer->options.dead_code_threshold = 0.5;
  TestPass t;
  t.pass.update_state = true;
  auto h = layer->codebook[1].reshape({1, D, 1, 1}).expand({1, D, 2, 4}).clone();
  h += 1e-3 * leaf(h.sizes().vec(), 6).detach();  // all rows next to code 1
  layer->apply("tap", h, t.pass);
  EXPECT_EQ(t.pass.reports.at(0).log_entries().at("revived_codes").item<double>(), K - 1);
  const auto distances = (layer->codebook.unsqueeze(1) - rows_of(h).unsqueeze(0)).abs().amax(2).amin(1);
  for (int64_t k = 0; k < K; ++k) {
    if (k == 1) continue;
    EXPECT_EQ(distances[k].item<double>(), 0);
    EXPECT_EQ(layer->cluster_size[k].item<double>(), 0.5);
    EXPECT_TRUE(torch::equal(layer->codebook_sum[k], layer->codebook[k] * 0.5));
  }
  t.pass.reports.clear();
  layer->options.dead_code_threshold = 0;
  layer->apply("tap", h, t.pass);
  EXPECT_GT(t.pass.reports.at(0).log_entries().at("used_codes").item<int64_t>(), 1);
  EXPECT_EQ(t.pass.reports.at(0).log_entries().at("revived_codes").item<double>(), 0);
}

TEST(FeatureQuantizer, CountsDeadCodes) {
  auto layer = quantizer();
  TestPass t;
  t.pass.update_state = true;
  const auto h = layer->codebook[1].reshape({1, D, 1, 1}).clone();
  for (int i = 0; i < 99; ++i) layer->apply("tap", h, t.pass);
  t.pass.reports.clear();
  layer->apply("tap", h, t.pass);
  layer->apply("tap", h, t.pass);
  EXPECT_EQ(t.pass.reports.back().log_entries()["dead_codes"].item<int64_t>(), K - 1);
}

TEST(FeatureQuantizer, OneDictionaryAtTwoTaps) {
  Taps taps({{"block0", D}, {"block1", D}});
  auto layer = quantizer();
  taps.attach("block0", layer);
  taps.attach("block1", layer);
  EXPECT_EQ(taps.named_buffers().size(), 4u) << "saved once";
  TestPass t;
  t.pass.update_state = true;
  auto alone = quantizer();
  const auto first = leaf({2, D, 2, 2}).detach(), second = leaf({2, D, 2, 2}, 8).detach();
  taps("block0", first, t.pass);
  taps("block1", second, t.pass);
  alone->apply("block0", first, t.pass);
  alone->apply("block1", second, t.pass);
  EXPECT_TRUE(torch::equal(layer->codebook, alone->codebook));
  EXPECT_EQ(t.pass.reports.size(), 4u);
}

TEST(FeatureQuantizer, VarianceScalingIsATruncatedNormal) {
  FeatureQuantizerOptions options;
  options.codes = 4096;
  options.initialisation = "variance_scaling";
  Streams random(5, {});
  FeatureQuantizer layer(16, options, random);
  const auto e = layer.codebook.to(torch::kDouble);
  EXPECT_NEAR(e.std().item<double>(), 0.25, 0.002);
  EXPECT_NEAR(e.mean().item<double>(), 0, 0.004);
  const double cut = 2 * 0.25 / 0.87962566103423978;
  EXPECT_LE(e.abs().max().item<double>(), cut * (1 + 1e-6));
  EXPECT_GT(e.abs().max().item<double>(), cut * 0.99);
  // The kurtosis of N(0, 1) cut off at two standard deviations is 2.366, that of a uniform distribution 1.8.
  EXPECT_NEAR(((e / e.std()).pow(4)).mean().item<double>(), 2.366, 0.03);
}

TEST(FeatureQuantizer, ZeroDebiasedTheFirstDictionaryHasNoWeight) {
  auto layer = quantizer("loss_only", "normal", "zero_debiased");
  const auto centre = layer->codebook[1].clone();
  TestPass t;
  t.pass.update_state = true;
  const auto noise = 1e-3 * leaf({4, D, 2, 2}).detach();
  const auto h = centre.reshape({1, D, 1, 1}) + noise;  // all rows next to code 1
  layer->apply("tap", h, t.pass);
  EXPECT_LT((layer->codebook[1] - rows_of(h).mean(0)).abs().max().item<double>(), 1e-4);
  for (const int64_t k : {0, 2, 3, 4}) EXPECT_EQ(layer->codebook[k].abs().max().item<double>(), 0) << k;
  EXPECT_EQ(layer->updates.item<int64_t>(), 1);
  EXPECT_EQ(layer->named_buffers().size(), 5u);
}

TEST(FeatureQuantizer, ZeroDebiasedRevivalAndKmeansSpeakOfAverages) {
  auto layer = quantizer("loss_only", "kmeans", "zero_debiased");
  TestPass start;
  start.pass.initialise = true;
  const auto h = leaf({6, D, 3, 2}).detach();
  layer->apply("tap", h, start.pass);
  const auto average = [&] {
    return layer->cluster_size / (1 - std::pow(layer->options.decay, layer->updates.item<double>()));
  };
  EXPECT_NEAR(average().sum().item<double>(), 36, 1e-9) << "the start counts as a first update";
  const auto centres = layer->codebook_sum / layer->cluster_size.unsqueeze(1);
  EXPECT_LT((centres - layer->codebook).abs().max().item<double>(), 1e-12);
  layer->options.dead_code_threshold = 2;
  TestPass t;
  t.pass.update_state = true;
  for (int i = 0; i < 12; ++i)
    layer->apply("tap", layer->codebook[1].reshape({1, D, 1, 1}).expand({1, D, 2, 4}) + 1e-3, t.pass);
  EXPECT_GE(average().min().item<double>(), 2 - 1e-9);
}

TEST(FeatureQuantizer, RealThenFakeAreTwoUpdatesAndTwoLookups) {
  const auto fake = leaf({2, D, 3, 2}).detach(), real = 0.5 + leaf({3, D, 3, 2}, 5).detach();
  auto layer = quantizer("straight_through"), by_hand = quantizer("straight_through");
  layer->options.order = "real_then_fake";
  TestPass t, of_real, of_fake;
  for (auto* pass : {&t.pass, &of_real.pass, &of_fake.pass}) pass->update_state = true;
  t.pass.segments = {{Role::unlabelled, 1}, {Role::fake, 2}, {Role::labelled, 2}};
  const auto q = layer->apply("tap", torch::cat({real.narrow(0, 0, 1), fake, real.narrow(0, 1, 2)}), t.pass);
  const auto q_real = by_hand->apply("tap", real, of_real.pass), q_fake = by_hand->apply("tap", fake, of_fake.pass);
  EXPECT_TRUE(torch::equal(q, torch::cat({q_real.narrow(0, 0, 1), q_fake, q_real.narrow(0, 1, 2)})));
  for (const auto& [name, buffer] : state_of(*by_hand))
    EXPECT_TRUE(torch::equal(state_of(*layer).at(name), buffer)) << name;
  ASSERT_EQ(t.pass.reports.size(), 2u);
  EXPECT_TRUE(torch::equal(t.pass.reports[0].loss, of_real.pass.reports[0].loss));
  EXPECT_TRUE(torch::equal(t.pass.reports[1].loss, of_fake.pass.reports[0].loss));
  // Together they would have seen one dictionary.
  auto together = quantizer();
  TestPass joint;
  joint.pass.update_state = true;
  joint.pass.segments = {{Role::real, 3}, {Role::fake, 2}};
  together->apply("tap", torch::cat({real, fake}), joint.pass);
  EXPECT_FALSE(torch::equal(joint.pass.reports[1].loss, t.pass.reports[1].loss));
}

TEST(FeatureQuantizer, ALookupCostsOneCollective) {
  const CountingRanks counting;
  const auto calls = [&](const std::string& order, double threshold, bool update) {
    auto layer = quantizer();
    layer->options.order = order;
    layer->options.dead_code_threshold = threshold;
    TestPass t;
    t.pass.ranks = &counting;
    t.pass.update_state = update;
    t.pass.segments = {{Role::fake, 2}, {Role::labelled, 1}, {Role::unlabelled, 2}};
    counting.calls = 0;
    layer->apply("tap", leaf({5, D, 3, 2}).detach(), t.pass);
    for (const auto& report : t.pass.reports) report.log_entries();
    return counting.calls.load();
  };
  for (const bool update : {false, true}) {
    EXPECT_EQ(calls("together", 0, update), 1);
    EXPECT_EQ(calls("real_then_fake", 0, update), 2);
  }
  EXPECT_EQ(calls("together", 0.5, true), 2) << "a revival has its own";
}

// Everything that a dictionary can do, on one rank and on two with half of each segment.
class Dictionaries : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Dictionaries, TwoRanksEqualOneWithBothBatches) {
  const auto fake = leaf({4, D, 3, 2}).detach(), real = leaf({6, D, 3, 2}, 5).detach();
  const auto train = [&](const torch::Tensor& f, const torch::Tensor& r, const Ranks* ranks) {
    auto layer = quantizer("loss_only", "kmeans", GetParam().first);
    layer->options.order = GetParam().second;
    layer->options.dead_code_threshold = 3;
    std::vector<TapReport> reports;
    for (int step = 0; step < 3; ++step) {
      TestPass t;
      t.pass.ranks = ranks;
      t.pass.segments = {{Role::fake, f.size(0)}, {Role::real, r.size(0)}};
      t.pass.initialise = step == 0;
      t.pass.update_state = step > 0;
      layer->apply("tap", torch::cat({f, r}), t.pass);
      reports = t.pass.reports;
    }
    return std::make_pair(layer, reports);
  };
  const auto [alone, expected] = train(fake, real, nullptr);
  std::vector<std::shared_ptr<FeatureQuantizer>> layers(2);
  std::vector<std::vector<TapReport>> reports(2);
  on_ranks(2, [&](const Ranks& ranks) {
    const auto r = ranks.rank();
    std::tie(layers[r], reports[r]) = train(fake.narrow(0, 2 * r, 2), real.narrow(0, 3 * r, 3), &ranks);
  });
  EXPECT_TRUE(torch::equal(layers[0]->codebook, layers[1]->codebook));
  for (const auto& [name, buffer] : state_of(*alone))
    EXPECT_TRUE(
        torch::allclose(state_of(*layers[0]).at(name).to(torch::kDouble), buffer.to(torch::kDouble), 1e-12, 1e-12))
        << name;
  for (size_t i = 0; i < expected.size(); ++i)
    for (const auto& [name, value] : expected[i].log_entries())
      EXPECT_NEAR(reports[1][i].log_entries().at(name).item<double>(), value.item<double>(), 1e-9) << name;
}

INSTANTIATE_TEST_SUITE_P(FeatureQuantizer, Dictionaries,
                         ::testing::Values(std::pair("plain", "together"), std::pair("zero_debiased", "together"),
                                           std::pair("plain", "real_then_fake"),
                                           std::pair("zero_debiased", "real_then_fake")));

void expect_same_state(const FeatureQuantizer& layer, const std::map<std::string, torch::Tensor>& before) {
  for (const auto& [name, buffer] : state_of(layer)) EXPECT_TRUE(torch::equal(buffer, before.at(name))) << name;
}

/// The last is finite, and its square is not.
const double broken_values[] = {std::nan(""), std::numeric_limits<double>::infinity(),
                                -std::numeric_limits<double>::infinity(), 1e200};

/// A quantizer that has learned, or that waits for k-means; and a pass that would change it.
struct Trainee {
  explicit Trainee(const std::string& initialisation) : layer(quantizer("loss_only", initialisation)) {
    t.pass.update_state = true;
    layer->options.dead_code_threshold = 0.1;
    if (initialisation == "normal") layer->apply("block2", leaf({2, D, 3, 2}, 3).detach(), t.pass);
    t.pass.initialise = true;
    for (const auto& [name, buffer] : state_of(*layer)) before[name] = buffer.clone();
  }
  std::shared_ptr<FeatureQuantizer> layer;
  std::map<std::string, torch::Tensor> before;
  TestPass t;
};

TEST(FeatureQuantizer, BrokenFeaturesLeaveTheDictionaryAlone) {
  for (const double value : broken_values)
    for (const std::string initialisation : {"normal", "kmeans"}) {
      SCOPED_TRACE(initialisation + " " + std::to_string(value));
      Trainee trainee(initialisation);
      auto h = leaf({4, D, 2, 2}).detach();
      h[2][1][0][1] = value;
      expect_error<NumericalError>([&] { trainee.layer->apply("block2", h, trainee.t.pass); }, {"[tap block2]"});
      expect_same_state(*trainee.layer, trainee.before);
    }
}

// A rank that threw alone would leave the other waiting: this test would then never end.
TEST(FeatureQuantizer, BrokenFeaturesOfOneRankThrowOnAll) {
  for (const double value : broken_values)
    for (const std::string initialisation : {"normal", "kmeans"}) {
      SCOPED_TRACE(initialisation + " " + std::to_string(value));
      Trainee trainees[] = {Trainee(initialisation), Trainee(initialisation)};
      std::vector<std::string> messages(2);
      on_ranks(2, [&](const Ranks& ranks) {
        auto& trainee = trainees[ranks.rank()];
        trainee.t.pass.ranks = &ranks;
        auto h = leaf({4, D, 2, 2}, 1 + ranks.rank()).detach();
        if (ranks.rank() == 0) h[2][1][0][1] = value;
        try {
          trainee.layer->apply("block2", h, trainee.t.pass);
        } catch (const NumericalError& error) {
          messages[ranks.rank()] = error.what();
        }
      });
      for (int rank = 0; rank < 2; ++rank) {
        expect_names(messages[rank], {"[tap block2]"});
        expect_same_state(*trainees[rank].layer, trainees[rank].before);
      }
    }
}

}  // namespace
}  // namespace fqgan::test
