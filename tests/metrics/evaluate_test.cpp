// From image streams to named metrics.
#include "fqgan/metrics/evaluate.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/metrics/over_seeds.h"
#include "fqgan/metrics/statistics_file.h"
#include "metrics/striped_data.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// Column means as features; the class is the brightest even column.
class ColumnMeans : public FeatureExtractor {
 public:
  explicit ColumnMeans(int64_t channels = 1, std::vector<std::string> names = {})
      : channels_(channels), names_(std::move(names)) {}
  std::string name() const override { return "columns"; }
  std::string description() const override { return "means of columns"; }
  int64_t channels() const override { return channels_; }
  std::vector<std::string> class_names() const override { return names_; }
  Extracted extract(const at::Tensor& pixels, bool wants_logits) override {
    EXPECT_EQ(pixels.size(1), channels_);
    const auto means = pixels.to(torch::kFloat).mean(at::IntArrayRef{1, 2});  // N x W
    return {means, torch::stack({means.select(1, 0), means.select(1, 2), means.select(1, 4)}, 1)};
  }

 private:
  int64_t channels_;
  std::vector<std::string> names_;
};

const std::vector<std::string> stripes = {"stripe 0", "stripe 1", "stripe 2"};

Measured measured(const Dataset& data, FeatureExtractor& extractor, bool keep = true) {
  MeasureOptions options{data.key(), data.info().class_names, keep};
  return measure(*in_order(data), extractor, options);
}

/// Other images of the same kind.
Measured changed(Measured side) {
  side.name += " changed";
  side.features = side.features + 40 * Streams(1, {}).normal(side.features.sizes(), "changed");
  side.moments = Moments();
  side.moments.add(side.features);
  return side;
}

std::map<std::string, double> values_of(const Evaluation& evaluation) {
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : evaluation.values) metrics[name] = value;
  return metrics;
}

TEST(Evaluate, NamesEveryValue) {
  ColumnMeans extractor(1, stripes);
  auto a = measured(StripedData(60, 3), extractor);
  a.steps = torch::full({5}, 2 * path_epsilon * path_epsilon, torch::kDouble);
  const auto b = measured(StripedData(90, 3), extractor);
  const auto training = changed(a);
  MetricOptions options;
  options.kid.subset_size = 50;
  options.c_t.cells = 1;
  std::vector<std::string> chosen;
  for (const auto& metric : metrics()) chosen.push_back(metric.name);
  const auto evaluation = evaluate(a, b, chosen, extractor, options, &training);
  std::vector<std::string> names;
  for (const auto& value : evaluation.values) {
    names.push_back(value.name);
    EXPECT_TRUE(std::isfinite(value.value)) << value.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"fid/columns",
                                             "kid[subset_size=50]/columns",
                                             "kid_std[subset_size=50]/columns",
                                             "inception_score/columns",
                                             "inception_score_std/columns",
                                             "precision/columns",
                                             "recall/columns",
                                             "density/columns",
                                             "coverage/columns",
                                             "prdc_precision/columns",
                                             "prdc_recall/columns",
                                             "class_accuracy/columns",
                                             "class_accuracy/columns/stripe 0",
                                             "class_accuracy/columns/stripe 1",
                                             "class_accuracy/columns/stripe 2",
                                             "intra_fid/columns",
                                             "intra_fid/columns/stripe 0",
                                             "intra_fid/columns/stripe 1",
                                             "intra_fid/columns/stripe 2",
                                             "cmmd/columns",
                                             "fid_infinity/columns",
                                             "auth_pct/columns",
                                             "c_t[cells=1]/columns",
                                             "copied/columns",
                                             "copied_by_ratio/columns",
                                             "ppl/columns",
                                             "ppl_std/columns"}));
  for (const auto& metric : metrics()) EXPECT_TRUE(values_of(evaluation).count(value_name(metric, options, extractor)));
}

TEST(Evaluate, IdenticalSides) {
  ColumnMeans extractor(1, stripes);
  const auto a = measured(StripedData(60, 3), extractor);
  const auto metrics = values_of(evaluate(a, a, {"fid", "pr", "prdc", "accuracy", "intra_fid"}, extractor, {}));
  EXPECT_NEAR(metrics.at("fid/columns"), 0, 1e-6);
  EXPECT_NEAR(metrics.at("intra_fid/columns"), 0, 1e-6);
  EXPECT_EQ(metrics.at("precision/columns"), 1);
  EXPECT_EQ(metrics.at("coverage/columns"), 1);
  EXPECT_EQ(metrics.at("class_accuracy/columns"), 1);
}

TEST(Evaluate, LabelsAreMatchedByName) {
  ColumnMeans extractor(1, {"Stripe 2", "stripe_1", "stripe 0"});  // another order and spelling than the data's
  const auto a = measured(StripedData(60, 3), extractor);
  const auto metrics = values_of(evaluate(a, a, {"accuracy"}, extractor, {}));
  // Its logits still mean columns 0, 2, 4: classes 0 and 2 have changed their names.
  EXPECT_NEAR(metrics.at("class_accuracy/columns"), 1. / 3, 1e-12);
  EXPECT_EQ(metrics.at("class_accuracy/columns/stripe_1"), 1);
  EXPECT_EQ(metrics.at("class_accuracy/columns/Stripe 2"), 0);
}

TEST(Evaluate, IntraFidIsTheMeanOverClasses) {
  ColumnMeans extractor(1, stripes);
  const auto a = measured(StripedData(60, 3), extractor), b = measured(StripedData(90, 3), extractor);
  const auto metrics = values_of(evaluate(a, b, {"intra_fid"}, extractor, {}));
  double sum = 0;
  for (const auto& name : stripes) sum += metrics.at("intra_fid/columns/" + name);
  EXPECT_NEAR(metrics.at("intra_fid/columns"), sum / 3, 1e-12);
}

/// All pixels, 32 times: 2,048 features whose FID is 32 times that of the pixels.
struct Repeated : ColumnMeans {
  explicit Repeated(int64_t times) : times(times) {}
  Extracted extract(const at::Tensor& pixels, bool wants_logits) override {
    return {pixels.to(torch::kFloat).flatten(1).repeat({1, times}), {}};
  }
  int64_t times;
};

TEST(Evaluate, FewImagesWithManyFeaturesAreFast) {
  TemporaryFolder folder;
  Repeated once(1), often(32);
  const StripedData a(50, 3), b(40, 2);
  const auto statistics = [&](const Dataset& data) {  // the form for any number of images
    const auto path = (folder / data.key()).string();
    save_statistics(path, measured(data, once, false));
    return load_statistics(path);
  };
  const double expected = 32 * evaluate(statistics(a), statistics(b), {"fid"}, once, {}).values[0].value;
  const auto start = std::clock();
  const auto found = evaluate(measured(a, often, false), measured(b, often, false), {"fid"}, often, {});
  EXPECT_NEAR(found.values[0].value / expected, 1, 1e-8);
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC);  // of the processor; eigenvalues of 2,048 x 2,048 take many
}

/// Logits with a bias that it tells of.
struct Biased : ColumnMeans {
  Extracted extract(const at::Tensor& pixels, bool wants_logits) override {
    auto extracted = ColumnMeans::extract(pixels, wants_logits);
    return {extracted.features, extracted.logits * 0.05 + bias};
  }
  at::Tensor logit_bias() const override { return tell ? bias : at::Tensor(); }
  at::Tensor bias = torch::zeros({3});
  bool tell = true;
};

TEST(Evaluate, TheInceptionScoreLeavesTheBiasOut) {
  Biased plain, biased, silent;
  silent.bias = biased.bias = torch::tensor({3.f, 0.f, -1.f});
  silent.tell = false;
  const auto score = [&](Biased& extractor) {
    const auto a = measured(StripedData(60, 3), extractor);
    return evaluate(a, a, {"is"}, extractor, {}).values[0].value;
  };
  EXPECT_NEAR(score(biased) / score(plain), 1, 1e-6);
  EXPECT_GT(std::abs(score(silent) / score(plain) - 1), 1e-2);
}

TEST(Evaluate, WarnsWhereAValueIsBiased) {
  ColumnMeans extractor(1, stripes);
  const auto few = measured(StripedData(6, 3), extractor), more = measured(StripedData(90, 3), extractor);
  const auto warned = evaluate(few, more, {"fid"}, extractor, {}).warnings;
  ASSERT_EQ(warned.size(), 1u) << "the few images, and the covariance that they do not determine";
  expect_names(warned[0], {"fid", "(6)", "8 features"});
  EXPECT_EQ(evaluate(few, more, {"fid", "pr", "prdc"}, extractor, {}).warnings.size(), 1u);
  EXPECT_EQ(evaluate(more, more, {"accuracy"}, extractor, {}).warnings.size(), 0u);
}

TEST(Evaluate, WarnsOfSubsetsThatHoldAllImages) {
  ColumnMeans extractor(1, stripes);
  const auto a = measured(StripedData(60, 3), extractor), b = changed(a);
  MetricOptions options;
  for (const int64_t size : {60, 59}) {
    options.kid.subset_size = size;
    const auto warned = evaluate(a, b, {"kid"}, extractor, options).warnings;
    ASSERT_EQ(warned.size(), size == 60 ? 1u : 0u);
    if (size == 60) expect_names(warned[0], {"kid_std", "kid.subset_size", "30"});
  }
  options.kid = {};
  options.kid.shrink = true;
  EXPECT_EQ(evaluate(a, b, {"kid"}, extractor, options).warnings.size(), 1u);
}

TEST(Evaluate, WarnsWhenBothSidesAreTheSame) {
  ColumnMeans extractor(1, stripes);
  const auto a = measured(StripedData(60, 3), extractor), b = measured(StripedData(90, 3), extractor);
  const auto warned_of = [&](const Measured& x, const Measured& y, const std::string& metric) {
    const auto warnings = evaluate(x, y, {metric}, extractor, {}).warnings;
    return std::any_of(warnings.begin(), warnings.end(),
                       [](const auto& line) { return line.find("same images") != std::string::npos; });
  };
  for (const std::string metric : {"fid", "pr", "prdc", "intra_fid"}) {
    EXPECT_TRUE(warned_of(a, a, metric)) << metric;
    EXPECT_FALSE(warned_of(a, b, metric)) << metric;
  }
  EXPECT_FALSE(warned_of(a, a, "accuracy")) << "it measures one side only";
}

TEST(Evaluate, WarnsAboutEqualImagesWhoseNeighbourhoodIsEmpty) {
  ColumnMeans extractor(1, stripes);
  auto a = measured(StripedData(60, 3), extractor), b = measured(StripedData(90, 3), extractor);
  b.features.narrow(0, 0, 20).copy_(b.features[0].expand({20, -1}));
  const auto warnings = evaluate(a, b, {"prdc"}, extractor, {}).warnings;
  ASSERT_EQ(warnings.size(), 2u);
  expect_names(warnings[0], {"density", "coverage", "20 of 90"});
}

TEST(Evaluate, MetricsOfCopiesCompareWithTheTrainingImages) {
  ColumnMeans extractor(1, stripes);
  const auto a = measured(StripedData(150, 3), extractor), training = changed(a), test = changed(training);
  const std::vector<std::string> names = {"auth", "copied"};
  const auto own = evaluate(a, test, names, extractor, {}, &a),
             other = evaluate(a, test, names, extractor, {}, &training);
  EXPECT_EQ(values_of(own).at("auth_pct/columns"), 0);
  EXPECT_EQ(values_of(own).at("copied/columns"), 1);
  ASSERT_TRUE(own.copies.has_value());
  EXPECT_TRUE(own.copies->of_held_out);
  EXPECT_EQ(own.copies->nearest[17], 17);
  EXPECT_GT(values_of(other).at("auth_pct/columns"), 0);
  EXPECT_LT(values_of(other).at("copied/columns"), 0.5);

  auto pixels = a, learned = training, held_out = test;
  for (auto* side : {&pixels, &learned, &held_out}) side->small = side->features;
  learned.small = a.features;  // copies that the features do not show
  const auto found = evaluate(pixels, held_out, {"copied"}, extractor, {}, &learned);
  EXPECT_EQ(values_of(found).at("copied_in_pixels_by_ratio/16x16"), 1);
  ASSERT_EQ(found.warnings.size(), 1u);
  expect_names(found.warnings[0], {"pixels", "columns", "auth", "c_t"});
  EXPECT_EQ(copying_of(*found.copies), Copying::repeats);

  const auto alone = evaluate(a, a, {"copied"}, extractor, {}, &training);
  EXPECT_FALSE(alone.copies->of_held_out) << "generated images are no reference for themselves";
  const auto twice = evaluate(a, training, {"copied"}, extractor, {}, &training);
  EXPECT_FALSE(twice.copies->of_held_out);
  ASSERT_EQ(twice.warnings.size(), 1u);
  expect_names(twice.warnings[0], {"150 of 150", "striped-150 changed"});
  auto mixed = test;
  mixed.features = torch::cat({test.features.narrow(0, 0, 140), training.features.narrow(0, 0, 10)});
  expect_names(evaluate(a, mixed, {"c_t"}, extractor, {}, &training).warnings.back(), {"c_t", "10 of 150"});
}

TEST(Evaluate, ACopyTestThatIsNotDefinedLeavesTheOtherMetrics) {
  ColumnMeans extractor(1, stripes);
  const auto evaluated = [&](int64_t images, int64_t cells, bool test_is_training) {
    const auto a = measured(StripedData(images, 3), extractor), training = changed(a), test = changed(training);
    MetricOptions options;
    options.c_t.cells = cells;
    return evaluate(a, test_is_training ? training : test, {"c_t", "auth"}, extractor, options, &training);
  };
  const auto few = evaluated(60, 60, false), defined = evaluated(150, 3, false), same = evaluated(60, 3, true);
  ASSERT_EQ(defined.values.size(), 2u);
  for (const auto* found : {&few, &same}) {
    ASSERT_EQ(found->values.size(), 1u);
    EXPECT_EQ(found->values[0].name, "auth_pct/columns");
  }
  ASSERT_EQ(few.warnings.size(), 1u);
  expect_names(few.warnings[0], {"c_t is missing", "21", "c_t.cells"});
  expect_names(same.warnings[0], {"c_t is missing", "60 of 60", "--against"});
  const auto means = over_seeds({defined, evaluated(150, 3, false)}), partly = over_seeds({defined, few});
  EXPECT_EQ(means.values[0].name, "c_t/columns");
  EXPECT_EQ(partly.values[0].name, "auth_pct/columns");
  expect_names(partly.warnings.back(), {"c_t/columns is missing"});
}

TEST(Evaluate, Bootstrap) {
  ColumnMeans extractor(1, stripes);
  const auto a = measured(StripedData(90, 3), extractor), b = changed(a), training = changed(b);
  MetricOptions options;
  options.bootstrap = 8;
  options.kid.subset_size = 50;
  const auto values = values_of(
      evaluate(a, b, {"fid", "kid", "cmmd", "accuracy", "auth", "copied", "pr"}, extractor, options, &training));
  for (const std::string name : {"fid", "kid", "cmmd", "auth_pct"}) {
    const auto of_kid = name == "kid" ? "[subset_size=50]" : "";
    EXPECT_GT(values.at(name + "_bootstrap_std" + of_kid + "/columns"), 0) << name;
  }
  EXPECT_EQ(values.at("class_accuracy_bootstrap_std/columns"), 0);  // all are right
  EXPECT_TRUE(values.contains("copied_bootstrap_std/columns"));
  EXPECT_FALSE(values.contains("precision_bootstrap_std/columns"));
  const SideFacts images{"A", false, 60, {}, {}}, statistics{"C", true, 60, {}, {}};
  expect_error<UserError>([&] { check_metrics({"fid"}, images, statistics, extractor, options); },
                          {"[bootstrap]", "C"});
  EXPECT_TRUE(need_images({"fid"}, options));
  EXPECT_FALSE(need_images({"fid"}, {}));
  options.bootstrap = 1;
  expect_error<UserError>([&] { check_metrics({"fid"}, images, images, extractor, options); }, {"[bootstrap]", "2"});
}

TEST(Evaluate, OverSeeds) {
  const Evaluation one{{{"kid[subsets=5]/x", 1}, {"kid_std[subsets=5]/x", 3}, {"class_accuracy/x/boot", 4}}, {"w"}, {}};
  auto two = one;
  two.values[0].value = 2;
  two.warnings.clear();
  const auto found = over_seeds({one, two});
  const std::vector<std::string> names = {"kid[subsets=5]/x", "kid_seeds_std[subsets=5]/x", "kid_std[subsets=5]/x",
                                          "class_accuracy/x/boot", "class_accuracy_seeds_std/x/boot"};
  ASSERT_EQ(found.values.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(found.values[i].name, names[i]);
  EXPECT_EQ(found.values[0].value, 1.5);
  EXPECT_NEAR(found.values[1].value, std::sqrt(0.5), 1e-12);
  EXPECT_EQ(found.values[4].value, 0);
  EXPECT_EQ(found.warnings, one.warnings);
}

TEST(Evaluate, RefusesWrongTrainingImages) {
  ColumnMeans extractor(1, stripes);
  const SideFacts images{.name = "A", .images = 60, .shape = ImageShape{1, 8, 8}, .key = "key of A"};
  const auto refused = [&](const std::string& metric, const SideFacts* training) {
    return message_of<UserError>([&] { check_metrics({metric}, images, images, extractor, {}, training); });
  };
  for (const std::string metric : {"auth", "c_t", "copied"}) {
    EXPECT_TRUE(metric_named(metric, "test").needs_training);
    expect_names(refused(metric, nullptr), {metric, "--training"});
  }
  const SideFacts statistics{"S", true, 60, {}, {}}, large{"L", false, 60, {}, ImageShape{1, 8, 16}};
  expect_names(refused("auth", &statistics), {"[S]", "auth"});
  expect_names(refused("auth", &large), {"[L]", "1 x 8 x 16"});
  expect_names(refused("c_t", &images), {"c_t", "A", "--against"});
  check_metrics({"copied"}, images, images, extractor, {}, &images);
  const auto a = measured(StripedData(60, 3), extractor), b = changed(a);
  EXPECT_TRUE(evaluate(a, b, {"c_t"}, extractor, {}, &b).values.empty());
}

TEST(Evaluate, RefusesWhatCannotBeMeasured) {
  ColumnMeans extractor(1, stripes), nameless;
  const SideFacts images{"A", false, 60, stripes, {}}, plain{"B", false, 60, {}, {}}, statistics{"C", true, 60, {}, {}};
  const auto refused = [&](const std::string& metric, const SideFacts& a, const SideFacts& b,
                           const FeatureExtractor& with) {
    return message_of<UserError>([&] { check_metrics({metric}, a, b, with, {}); });
  };
  expect_names(refused("kdi", images, images, extractor), {"kdi", "'kid'"});
  expect_names(refused("kid", images, images, extractor), {"kid.subset_size", "1000"});
  expect_names(refused("pr", images, statistics, extractor), {"[C]", "pr"});
  expect_names(refused("accuracy", plain, images, extractor), {"[B]", "accuracy"});
  expect_names(refused("intra_fid", images, plain, extractor), {"[B]", "intra_fid"});
  const SideFacts others{"D", false, 60, {"cat", "dog", "cow"}, {}};
  expect_names(refused("accuracy", others, images, extractor), {"'cat', 'dog', 'cow'"});
  check_metrics({"accuracy"}, others, images, nameless, {});  // logits without names are in the data's order
  check_metrics({"fid"}, plain, statistics, extractor, {});

  const SideFacts small{"E", false, 60, {}, ImageShape{1, 8, 8}}, large{"F", false, 60, {}, ImageShape{1, 8, 16}};
  expect_names(refused("fid", small, large, extractor), {"[F]"});
  const SideFacts coloured{"G", false, 60, {}, ImageShape{3, 8, 8}};
  expect_names(refused("fid", coloured, small, extractor), {"[G]", "1"});

  const auto a = measured(StripedData(60, 3), extractor);
  auto foreign = a;
  foreign.extractor = "classifier-00000000";
  expect_error<UserError>([&] { evaluate(a, foreign, {"fid"}, extractor, {}); }, {"classifier-00000000"});
  auto no_logits = a;
  no_logits.logits = at::Tensor();
  expect_error<UserError>([&] { evaluate(no_logits, a, {"is"}, extractor, {}); }, {"[is]", "logits"});
  const auto lacks_a_class = measured(StripedData(2, 3), extractor);
  expect_error<UserError>([&] { evaluate(lacks_a_class, a, {"intra_fid"}, extractor, {}); }, {"intra_fid", "stripe 0"});
}

TEST(Measure, StatisticsComeBackToTheBit) {
  TemporaryFolder folder;
  ColumnMeans extractor;
  const auto a = measured(StripedData(60, 3), extractor, false), b = measured(StripedData(90, 3), extractor, false);
  EXPECT_FALSE(a.features.defined());
  const auto path = (folder / "b.safetensors").string();
  save_statistics(path, b);
  const auto loaded = load_statistics(path);
  EXPECT_EQ(loaded.images, 90);
  EXPECT_EQ(loaded.extractor, "columns");
  EXPECT_EQ(evaluate(a, loaded, {"fid"}, extractor, {}).values[0].value,
            evaluate(a, b, {"fid"}, extractor, {}).values[0].value);
}

TEST(Measure, GrayImagesAreRepeatedAndOthersRefused) {
  ColumnMeans gray(1), colour(3);
  const auto once = measured(StripedData(9, 3), gray), repeated = measured(StripedData(9, 3), colour);
  EXPECT_TRUE(at::allclose(once.features, repeated.features));
  const auto message = message_of<UserError>([&] { measured(StripedData(9, 3, 3), gray); });
  expect_names(message, {"3 x 8 x 8", "data.channels=1"});
}

TEST(Measure, TransparentImagesAreLaidOnBlackForThreeChannels) {
  const StripedData transparent(9, 3, 4);
  ColumnMeans colour(3), four(4);
  const auto found = measured(transparent, colour);
  std::vector<uint8_t> bytes(8 * 8 * 4);
  transparent.read(5, bytes.data());
  double first_column = 0;
  for (int64_t y = 0; y < 8; ++y)
    for (int64_t c = 0; c < 3; ++c) {
      const auto* pixel = &bytes[static_cast<size_t>(y * 8 * 4)];
      first_column += (pixel[c] * pixel[3] + 127) / 255;  // NOLINT(bugprone-integer-division)
    }
  EXPECT_NEAR(found.features[5][0].item<double>(), first_column / 24, 1e-4);
  const auto floats = in_rgb(colour, torch::tensor({200.f, 100.f, 50.f, 51.f}).reshape({1, 4, 1, 1})).flatten();
  EXPECT_TRUE(at::allclose(floats, torch::tensor({40.f, 20.f, 10.f})));
  MeasureOptions small{"A", {}};
  small.keep_small = true;
  EXPECT_EQ(measure(*in_order(transparent), four, small).small.size(1), 768);
}

/// Images from a list.
struct Listed : ImageSource {
  explicit Listed(std::vector<Image> list) : images(std::move(list)) {}
  std::vector<Image> next(int64_t) override { return std::exchange(images, {}); }
  std::vector<Image> images;
};

TEST(Measure, NoImagesAndMixedSizes) {
  ColumnMeans extractor;
  Listed none({});
  expect_error<UserError>([&] { measure(none, extractor, {"A", {}}); }, {"[A]"});
  Listed mixed(
      {{torch::zeros({8, 8, 1}, torch::kByte), {}, "first"}, {torch::zeros({9, 8, 1}, torch::kByte), {}, "2nd"}});
  const auto message = message_of<UserError>([&] { measure(mixed, extractor, {"A", {}}); });
  expect_names(message, {"2nd", "1 x 9 x 8"});
}

TEST(ClassNames, ByNameElseByNumber) {
  const auto labels = torch::tensor({0, 2, -1, 1}, torch::kLong);
  const auto matched = [&](const std::vector<std::string>& from, const std::vector<std::string>& to) {
    const auto result = matched_labels(labels, from, to, "A").contiguous();
    return std::vector<int64_t>(result.const_data_ptr<int64_t>(), result.const_data_ptr<int64_t>() + result.numel());
  };
  EXPECT_EQ(matched({"a", "b", "c"}, {"a", "b", "c"}), (std::vector<int64_t>{0, 2, -1, 1}));
  EXPECT_EQ(matched({"bag", "boot", "T-shirt_top"}, {"t-shirt/top", "BAG", "boot"}),
            (std::vector<int64_t>{1, 0, -1, 2}));
  EXPECT_EQ(matched({"0", "1", "2"}, {"a", "b", "c"}), (std::vector<int64_t>{0, 2, -1, 1}));
  EXPECT_EQ(matched({"c", "b", "a"}, {"a", "b", "c", "d"}), (std::vector<int64_t>{2, 0, -1, 1}));
  EXPECT_EQ(matched({"a/b", "a b", "c"}, {"a/b", "a b", "c"}), (std::vector<int64_t>{0, 2, -1, 1}));
  EXPECT_EQ(matched({"0", "1", "2"}, {"a", "b", "c", "d"}), (std::vector<int64_t>{0, 2, -1, 1}));
  EXPECT_EQ(matched({"A", "a", "b"}, {"a", "b", "A"}), (std::vector<int64_t>{2, 1, -1, 0}));  // exact names first
  expect_error<UserError>([&] { matched({"x", "b", "z"}, {"a", "b", "c"}); }, {"'x', 'z'", "'a', 'b', 'c'"});
  expect_error<UserError>([&] { matched({"0", "1", "2"}, {"a", "b"}); }, {"'a', 'b' (2)"});
  expect_error<UserError>([&] { matched({"A_B", "c", "d"}, {"a/b", "a b", "c", "d"}); }, {"'A_B'"});  // which one?
  expect_error<UserError>([&] { matched({"a", "A", "c"}, {"a", "b", "c"}); }, {"'A'"});
}

}  // namespace
}  // namespace fqgan::test
