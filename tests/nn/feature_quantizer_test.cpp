// The quantizer at a tap: against the formulas of the paper and the released layer, written out plainly in float64.
#include "fqgan/nn/feature_quantizer.h"

#include <ATen/Parallel.h>

#include "fqgan/core/error.h"
#include "fqgan/nn/copy.h"
#include "support/gradients.h"
#include "support/support.h"
#include "support/thread_ranks.h"

namespace fqgan::test {
namespace {

constexpr int64_t K = 5, D = 3;

std::shared_ptr<FeatureQuantizer> quantizer(const std::string& mode = "loss_only") {
  FeatureQuantizerOptions options;
  options.codes = K;
  options.mode = mode;
  options.commitment = 2.5;
  Streams random(5, {});
  auto layer = std::make_shared<FeatureQuantizer>(D, options, random);
  convert(*layer, torch::kDouble);
  return layer;
}

torch::Tensor rows_of(const torch::Tensor& h) { return h.permute({0, 2, 3, 1}).reshape({-1, h.size(1)}); }

torch::Tensor brute_force_codes(const torch::Tensor& rows, const torch::Tensor& codebook) {
  return (rows.unsqueeze(1) - codebook.unsqueeze(0)).pow(2).sum(2).argmin(1);
}

// The released layer's update (FQ-BigGAN/vq_layer.py), with one-hot codes and K x D tensors.
struct Reference {
  torch::Tensor codebook, sum, size;
  void update(const torch::Tensor& rows, double decay = 0.8, double epsilon = 1e-5) {
    const auto one_hot = torch::one_hot(brute_force_codes(rows, codebook), K).to(torch::kDouble);
    size = size * decay + (1 - decay) * one_hot.sum(0);
    sum = sum * decay + (1 - decay) * one_hot.t().mm(rows);
    const auto n = size.sum();
    codebook = sum / ((size + epsilon) / (n + K * epsilon) * n).unsqueeze(1);
  }
};

TEST(FeatureQuantizer, TenUpdatesFollowTheReleasedLayer) {
  auto layer = quantizer();
  Reference reference{layer->codebook.clone(), layer->codebook_sum.clone(), layer->cluster_size.clone()};
  TestPass t;
  t.pass.update_state = true;
  for (uint64_t step = 0; step < 10; ++step) {
    const auto h = leaf({4, D, 3, 2}, step).detach();
    const auto expected =
        (rows_of(h) - reference.codebook.index_select(0, brute_force_codes(rows_of(h), reference.codebook)))
            .pow(2)
            .reshape({4, -1})
            .mean(1) *
        2.5;
    t.pass.reports.clear();
    EXPECT_TRUE(torch::equal(layer->apply("tap", h, t.pass), h));
    EXPECT_LT((t.pass.reports.at(0).loss - expected).abs().max().item<double>(), 1e-12);
    reference.update(rows_of(h));
    EXPECT_LT((layer->codebook - reference.codebook).abs().max().item<double>(), 1e-12);
    EXPECT_LT((layer->codebook_sum - reference.sum).abs().max().item<double>(), 1e-12);
    EXPECT_LT((layer->cluster_size - reference.size).abs().max().item<double>(), 1e-12);
  }
  EXPECT_TRUE(torch::equal(layer->codebook, layer->named_buffers()["codebook"]));
}

TEST(FeatureQuantizer, CommitmentGradientIsRightInBothForms) {
  auto layer = quantizer();
  for (const bool twin : {false, true}) {
    const Function loss = [&](const auto& in) {
      TestPass t;
      t.pass.twin = twin;
      layer->apply("tap", in[0], t.pass);
      return t.pass.reports.at(0).loss;
    };
    expect_gradients(loss, {leaf({2, D, 2, 3})});
    expect_gradients(loss,
                     {leaf({2, D, 2, 3}).detach().contiguous(at::MemoryFormat::ChannelsLast).requires_grad_(true)});
  }
}

TEST(FeatureQuantizer, StraightThroughPassesTheNearestEntryAndTheWholeGradient) {
  auto layer = quantizer("straight_through");
  const auto h = leaf({2, D, 2, 2});
  TestPass t;
  const auto q = layer->apply("tap", h, t.pass);
  const auto entries = layer->codebook.index_select(0, brute_force_codes(rows_of(h.detach()), layer->codebook));
  EXPECT_LT((rows_of(q) - entries).abs().max().item<double>(), 1e-12);
  const auto weight = leaf({2, D, 2, 2}, 3).detach();
  EXPECT_TRUE(torch::equal(torch::autograd::grad({(q * weight).sum()}, {h})[0], weight));
}

TEST(FeatureQuantizer, WarmUpBlendsTheQuantizedFeaturesIn) {
  auto layer = quantizer("straight_through");
  layer->options.warmup_images = 1000;
  const auto h = leaf({2, D, 2, 2}).detach();
  const auto at_images = [&](double images) {
    TestPass t;
    t.pass.images_seen = images;
    return layer->apply("tap", h, t.pass);
  };
  EXPECT_TRUE(torch::equal(at_images(0), h));
  const auto full = at_images(5000);
  EXPECT_LT((at_images(250) - (h + 0.25 * (full - h))).abs().max().item<double>(), 1e-12);
}

TEST(FeatureQuantizer, TwoForwardsBeforeOneBackwardUseTheirOwnDictionaries) {
  const auto h = leaf({2, D, 2, 2});
  const auto gradient = [&](bool second) {
    auto layer = quantizer();
    TestPass t;
    t.pass.update_state = true;
    layer->apply("tap", h, t.pass);
    const auto loss = t.pass.reports.at(0).loss.sum();
    if (second) layer->apply("tap", leaf({2, D, 2, 2}, 4), t.pass);
    return torch::autograd::grad({loss}, {h})[0];
  };
  EXPECT_TRUE(torch::equal(gradient(false), gradient(true)));
}

TEST(FeatureQuantizer, ReportsPerSegment) {
  auto layer = quantizer();
  TestPass t;
  t.pass.segments = {{Role::fake, 1}, {Role::real, 2}};
  const auto h =
      torch::cat({layer->codebook[2].reshape({1, D, 1, 1}).expand({1, D, 1, 2}), leaf({2, D, 1, 2}).detach()});
  layer->apply("tap", h, t.pass);
  ASSERT_EQ(t.pass.reports.size(), 2u);
  EXPECT_EQ(t.pass.reports[0].role, Role::fake);
  EXPECT_NEAR(t.pass.reports[0].loss.item<double>(), 0, 1e-20);
  EXPECT_NEAR(t.pass.reports[0].figures["perplexity"].item<double>(), 1, 1e-6);
  EXPECT_EQ(t.pass.reports[0].figures["used_codes"].item<int64_t>(), 1);
  EXPECT_EQ(t.pass.reports[1].loss.size(0), 2);
  const auto sum_of_means = t.pass.reports[0].loss.mean() + t.pass.reports[1].loss.mean();
  EXPECT_DOUBLE_EQ(t.pass.tap_loss().item<double>(), sum_of_means.item<double>());
}

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

TEST(FeatureQuantizer, ReportsTheErrorOverTheVarianceOfTheBatch) {
  auto layer = quantizer();
  TestPass t;
  const auto h = 3 + leaf({4, D, 3, 3}).detach();
  layer->apply("tap", h, t.pass);
  const auto& figures = t.pass.reports.at(0).figures;
  const auto rows = rows_of(h);
  const auto entries = layer->codebook.index_select(0, brute_force_codes(rows, layer->codebook));
  const auto error = (rows - entries).pow(2).mean().item<double>();
  EXPECT_NEAR(figures.at("quantization_error").item<double>(), error, 1e-12);
  EXPECT_NEAR(figures.at("relative_error").item<double>(), error / rows.var(0, false).mean().item<double>(), 1e-9);
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

TEST(FeatureQuantizer, BrokenFeaturesLeaveTheDictionaryAlone) {
  auto layer = quantizer();
  const auto before = layer->codebook.clone();
  auto h = leaf({1, D, 2, 2}).detach();
  h[0][0][0][0] = std::nan("");
  TestPass t;
  t.pass.update_state = true;
  EXPECT_CONTAINS(message_of<NumericalError>([&] { layer->apply("block2", h, t.pass); }), "block2");
  EXPECT_TRUE(torch::equal(before, layer->codebook));
}

TEST(FeatureQuantizer, TheSameBitsForOneAndTwoThreads) {
  FeatureQuantizerOptions options;
  options.codes = 64;
  const auto h = Streams(3, {}).normal({16, 32, 12, 12}, "h");
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    Streams random(5, {});
    FeatureQuantizer layer(32, options, random);
    TestPass t;
    t.pass.update_state = true;
    for (int i = 0; i < 3; ++i) layer.apply("tap", h, t.pass);
    return layer.codebook.clone();
  };
  const auto before = at::get_num_threads();
  const auto one = run(1), two = run(2);
  at::set_num_threads(before);
  EXPECT_TRUE(torch::equal(one, two));
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

TEST(Taps, NameWhatThereIs) {
  Taps taps({{"block0", 4}, {"block1", D}});
  EXPECT_CONTAINS(message_of<UserError>([&] { taps.attach("block7", quantizer()); }), "'block0', 'block1'");
  taps.attach("block1", quantizer());
  TestPass t;
  t.pass.keep = {"block1"};
  const auto h = leaf({1, D, 2, 2}).detach();
  taps("block1", h, t.pass);
  EXPECT_TRUE(torch::equal(t.pass.features.at("block1"), h));
  EXPECT_TRUE(taps.named_buffers().contains("block1.codebook"));
}

}  // namespace
}  // namespace fqgan::test
