// What cannot be measured is refused by the facts of the sides alone, before an image is measured.

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "fqgan/metrics/copies.h"
#include "fqgan/metrics/copy_test.h"
#include "fqgan/metrics/evaluate.h"
#include "fqgan/metrics/fid_infinity.h"
#include "fqgan/metrics/frechet.h"
#include "fqgan/metrics/neighbours.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// An extractor of which only the facts are used.
struct Facts : FeatureExtractor {
  std::string name() const override { return "facts"; }
  std::string description() const override { return "no features"; }
  int64_t channels() const override { return 3; }
  std::optional<int64_t> dimension() const override { return width; }
  std::optional<int64_t> logits() const override { return classes; }
  std::string convention() const override { return tool; }
  Extracted extract(const at::Tensor&, bool) override { return {}; }
  std::optional<int64_t> width, classes;
  std::string tool;
};

struct CheckMetrics : testing::Test {
  Facts extractor;
  MetricOptions options;
  SideFacts a{.name = "A", .images = 10'000}, b{.name = "B", .images = 10'000}, training{.name = "T", .images = 10'000};

  std::string refusal(const std::string& metric) {
    return message_of<UserError>([&] { check_metrics({metric}, a, b, extractor, options, &training); });
  }
  void accepts(const std::string& metric) { check_metrics({metric}, a, b, extractor, options, &training); }
  /// The metric is refused below `fewest` images of the side, and not from there on.
  void needs(const std::string& metric, SideFacts& side, int64_t fewest, const std::string& setting = "") {
    const auto images = side.images;
    side.images = fewest - 1;
    expect_names(refusal(metric),
                 {"[" + side.name + "]", metric, std::to_string(fewest), std::to_string(fewest - 1), setting});
    side.images = fewest;
    accepts(metric);
    side.images = std::nullopt;  // saved by another tool
    accepts(metric);
    side.images = images;
  }
};

TEST_F(CheckMetrics, TheFewestImagesOfEachMetric) {
  for (auto* side : {&a, &b}) {
    needs("fid", *side, 2);
    needs("pr", *side, 4);
    needs("prdc", *side, 6);
    needs("kid", *side, 1000, "kid.subset_size=499");
  }
  needs("fid_infinity", a, 20);
  needs("fid_infinity", b, 2);
  needs("is", a, 10, "inception_score.splits=4");
  needs("c_t", a, 21);
  needs("c_t", training, 3, "c_t.cells");
  needs("auth", training, 2);
  needs("copied", training, 3);
  options.kid.shrink = true;
  needs("kid", a, 2);
  options.c_t.cells = 50;
  needs("c_t", training, 50, "c_t.cells=24");
  b.images = 1;  // it is not compared
  accepts("is");
}

TEST_F(CheckMetrics, TheEstimatorsHaveTheSameMinimum) {
  const auto some = [](int64_t rows) { return Streams(1, {}).normal({rows, 3}, "some"); };
  const auto of_frechet = [&](int64_t rows) { frechet_distance_of_features(some(rows), some(9)); };
  const auto of_neighbours = [&](int64_t rows) { neighbour_counts(some(9), some(rows), prdc_convention); };
  const auto of_line = [&](int64_t rows) {
    Moments real;
    real.add(some(9));
    fid_infinity(some(rows), real);
  };
  const auto of_auth = [&](int64_t rows) { authentic(some(rows), some(2)); };
  const auto of_copies = [&](int64_t rows) { find_copies(some(5), some(rows), {}); };
  CopyTestOptions one_cell;
  one_cell.cells = 1;
  const auto of_cells = [&](int64_t rows) {
    if (!copy_test(some(40), some(9), some(rows), one_cell)) throw UserError("not defined");
  };
  const std::vector<std::pair<std::function<void(int64_t)>, int64_t>> estimators = {
      {of_frechet, fewest_for_frechet},        {of_neighbours, prdc_convention.fewest_images()},
      {of_line, fewest_for_fid_infinity},      {of_auth, fewest_training_for_authenticity},
      {of_copies, fewest_training_for_copies}, {of_cells, fewest_generated_for_copy_test}};
  for (const auto& [estimator, fewest] : estimators) {
    estimator(fewest);
    EXPECT_THROW(estimator(fewest - 1), UserError) << fewest;
  }
}

TEST_F(CheckMetrics, LogitsAndTheirClasses) {
  a.class_names = {"boot", "bag"};
  for (const std::string metric : {"is", "accuracy"}) {
    extractor.classes = 0;
    expect_names(refusal(metric), {"[" + metric + "]", "logits", "facts"});
    extractor.classes = std::nullopt;
    accepts(metric);
  }
  extractor.classes = 1000;
  accepts("is");
  expect_names(refusal("accuracy"), {"[accuracy]", "1000", "2", "A"});
  extractor.classes = 2;
  accepts("accuracy");
}

TEST_F(CheckMetrics, ImagesOfEachClass) {
  a.class_names = {"Boot", "bag", "hat"};
  b.class_names = {"bag", "boot", "hat"};
  accepts("intra_fid");
  a.class_images = {2, 2, 2};
  accepts("intra_fid");
  a.class_images = {2, 1, 2};
  expect_names(refusal("intra_fid"), {"'bag'", "A", "1"});
  a.class_names = {"Boot", "bag"};  // no hats
  a.class_images = {2, 2};
  expect_names(refusal("intra_fid"), {"'hat'", "A", "0"});
  a.class_images.clear();
  b.class_images = {2, 0, 2};
  expect_names(refusal("intra_fid"), {"'boot'", "B", "0"});
}

TEST_F(CheckMetrics, StatisticsOfAnotherWidth) {
  b.statistics_only = true;
  b.dimension = 2048;
  accepts("fid");
  extractor.width = 1280;
  expect_names(refusal("fid"), {"[B]", "1280", "2048", "facts"});
  extractor.width = 2048;
  accepts("fid");
}

}  // namespace
}  // namespace fqgan::test
