// The quantizer at a tap: against the formulas of the paper and the released layer, written out plainly in float64.
#include "fqgan/nn/feature_quantizer.h"

#include <ATen/Parallel.h>

#include "fqgan/core/error.h"
#include "nn/small_quantizer.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

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
  for (const bool reference : {false, true}) {
    const Function loss = [&](const auto& in) {
      TestPass t;
      t.pass.reference_operators = reference;
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
  EXPECT_NEAR(t.pass.reports[0].log_entries()["perplexity"].item<double>(), 1, 1e-6);
  EXPECT_EQ(t.pass.reports[0].log_entries()["used_codes"].item<int64_t>(), 1);
  EXPECT_EQ(t.pass.reports[1].loss.size(0), 2);
  const auto sum_of_means = t.pass.reports[0].loss.mean() + t.pass.reports[1].loss.mean();
  EXPECT_DOUBLE_EQ(t.pass.tap_loss().item<double>(), sum_of_means.item<double>());
}

TEST(FeatureQuantizer, LabelledAndUnlabelledRowsAreOneRealGroup) {
  auto layer = quantizer();
  TestPass t;
  t.pass.segments = {{Role::labelled, 1}, {Role::fake, 2}, {Role::unlabelled, 3}};
  const auto h = leaf({6, D, 2, 2}).detach();
  layer->apply("tap", h, t.pass);
  ASSERT_EQ(t.pass.reports.size(), 2u);
  const auto &real = t.pass.reports[0], &fake = t.pass.reports[1];
  EXPECT_EQ(real.role, Role::real);
  EXPECT_EQ(fake.role, Role::fake);
  TestPass alone;
  layer->apply("tap", torch::cat({h.narrow(0, 0, 1), h.narrow(0, 3, 3)}), alone.pass);
  const auto& expected = alone.pass.reports.at(0);
  EXPECT_TRUE(torch::equal(real.loss, expected.loss));
  EXPECT_TRUE(torch::equal(real.codes, expected.codes));
  EXPECT_EQ(real.log_entries()["perplexity"].item<double>(), expected.log_entries()["perplexity"].item<double>());
  EXPECT_NEAR(t.pass.tap_loss().item<double>(), (expected.loss.mean() + fake.loss.mean()).item<double>(), 1e-15);
}

TEST(FeatureQuantizer, LogsTheDistanceBetweenRealAndGeneratedCodes) {
  auto layer = quantizer();
  const auto of_code = [&](int64_t k) { return layer->codebook[k].reshape({1, D, 1, 1}); };
  for (const std::string order : {"together", "real_then_fake"}) {
    layer->options.order = order;
    TestPass t;  // fake: codes 1, 1, 3; real: codes 1, 2
    t.pass.segments = {{Role::fake, 3}, {Role::real, 2}};
    layer->apply("tap", torch::cat({of_code(1), of_code(1), of_code(3), of_code(1), of_code(2)}), t.pass);
    // |2/3 - 1/2| + |0 - 1/2| + |1/3 - 0|, halved
    EXPECT_NEAR(t.pass.reports.at(0).log_entries().at("distance_to_real").item<double>(), 0.5, 1e-12) << order;
    EXPECT_FALSE(t.pass.reports.at(1).log_entries().contains("distance_to_real"));
    TestPass alone;
    alone.pass.segments = {{Role::fake, 1}};
    layer->apply("tap", of_code(1), alone.pass);
    EXPECT_FALSE(alone.pass.reports.at(0).log_entries().contains("distance_to_real"));
  }
}

TEST(FeatureQuantizer, LogEntriesAreOfTheirOwnPassWheneverTheyAreAskedFor) {
  auto layer = quantizer();
  layer->options.dead_code_threshold = 0.3;
  const auto entries_of = [&](bool late) {
    auto copy = quantizer();
    copy->options.dead_code_threshold = 0.3;
    TestPass t, later;
    t.pass.update_state = later.pass.update_state = true;
    copy->apply("tap", leaf({4, D, 3, 2}).detach(), t.pass);
    if (late) copy->apply("tap", 3 * leaf({4, D, 3, 2}, 9).detach(), later.pass);
    return t.pass.reports.at(0).log_entries();
  };
  const auto late = entries_of(true);
  EXPECT_EQ(late.size(), 6u);
  for (const auto& [name, value] : entries_of(false)) EXPECT_TRUE(torch::equal(late.at(name), value)) << name;
}

// Shapes alone, as a check that no value is read and no tensor is left on the processor.
TEST(FeatureQuantizer, RunsWithoutData) {
  for (const std::string average : {"plain", "zero_debiased"})
    for (const std::string order : {"together", "real_then_fake"}) {
      FeatureQuantizerOptions options;
      options.average = average;
      options.order = order;
      options.initialisation = "kmeans";
      options.mode = "straight_through";
      options.dead_code_threshold = 0.1;
      Streams random(5, {});
      FeatureQuantizer layer(D, options, random);
      std::vector<torch::Tensor*> buffers{&layer.codebook, &layer.codebook_sum, &layer.cluster_size,
                                          &layer.idle_updates};
      if (average == "zero_debiased") buffers.push_back(&layer.updates);
      for (auto* buffer : buffers) *buffer = buffer->to(torch::kMeta);
      TestPass t;
      t.pass.initialise = t.pass.update_state = true;
      t.pass.segments = {{Role::fake, 2}, {Role::real, 3}};
      const auto h = torch::empty({5, D, 4, 4}, torch::TensorOptions(torch::kMeta)).requires_grad_(true);
      const auto q = layer.apply("tap", h, t.pass);
      EXPECT_EQ(q.sizes(), h.sizes());
      (q.sum() + t.pass.tap_loss()).backward();
      for (const auto& report : t.pass.reports)
        for (const auto& [name, value] : report.log_entries()) EXPECT_TRUE(value.is_meta()) << name;
      for (const auto* buffer : buffers) EXPECT_TRUE(buffer->is_meta());
    }
}

TEST(FeatureQuantizer, ReportsTheErrorOverTheVarianceOfTheBatch) {
  auto layer = quantizer();
  TestPass t;
  const auto h = 3 + leaf({4, D, 3, 3}).detach();
  layer->apply("tap", h, t.pass);
  const auto values = t.pass.reports.at(0).log_entries();
  const auto rows = rows_of(h);
  const auto entries = layer->codebook.index_select(0, brute_force_codes(rows, layer->codebook));
  const auto error = (rows - entries).pow(2).mean().item<double>();
  EXPECT_NEAR(values.at("quantization_error").item<double>(), error, 1e-12);
  EXPECT_NEAR(values.at("relative_error").item<double>(), error / rows.var(0, false).mean().item<double>(), 1e-9);
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

TEST(Taps, NameWhatThereIs) {
  Taps taps({{"block0", 4}, {"block1", D}});
  expect_error<UserError>([&] { taps.attach("block7", quantizer()); }, {"block7", "'block0', 'block1'"});
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
