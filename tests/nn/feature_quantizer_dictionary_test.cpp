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
  EXPECT_LT(t.pass.reports.at(0).figures.at("relative_error").item<double>(), 0.1);
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
  EXPECT_GT(t.pass.reports[1].figures.at("quantization_error").item<double>(), 10) << "second is far from first";
}

TEST(FeatureQuantizer, RevivesDeadCodesWithRowsOfTheBatchAndResetsBothSums) {
  auto layer = quantizer();
  layer->options.dead_code_threshold = 0.5;
  TestPass t;
  t.pass.update_state = true;
  auto h = layer->codebook[1].reshape({1, D, 1, 1}).expand({1, D, 2, 4}).clone();
  h += 1e-3 * leaf(h.sizes().vec(), 6).detach();  // all rows next to code 1
  layer->apply("tap", h, t.pass);
  EXPECT_EQ(t.pass.reports.at(0).figures.at("revived_codes").item<double>(), K - 1);
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
  EXPECT_GT(t.pass.reports.at(0).figures.at("used_codes").item<int64_t>(), 1);
  EXPECT_EQ(t.pass.reports.at(0).figures.at("revived_codes").item<double>(), 0);
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
  EXPECT_EQ(t.pass.reports.back().figures["dead_codes"].item<int64_t>(), K - 1);
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

// Everything that a dictionary can do, on one rank and on two with half of each segment.
TEST(FeatureQuantizer, TwoRanksEqualOneWithBothBatches) {
  const auto fake = leaf({4, D, 3, 2}).detach(), real = leaf({6, D, 3, 2}, 5).detach();
  const auto train = [&](const torch::Tensor& f, const torch::Tensor& r, const Ranks* ranks) {
    auto layer = quantizer();
    layer->options.initialisation = "kmeans";
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
    for (const auto& [name, figure] : expected[i].figures)
      EXPECT_NEAR(reports[1][i].figures.at(name).item<double>(), figure.item<double>(), 1e-9) << name;
}

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
      EXPECT_CONTAINS(message_of<NumericalError>([&] { trainee.layer->apply("block2", h, trainee.t.pass); }),
                      "[tap block2] the features are not finite");
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
        EXPECT_CONTAINS(messages[rank], "[tap block2] the features are not finite");
        expect_same_state(*trainees[rank].layer, trainees[rank].before);
      }
    }
}

}  // namespace
}  // namespace fqgan::test
