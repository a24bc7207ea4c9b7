// KID and the inception score: hand-computed values, their draws, threads, and what they refuse.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "fqgan/core/error.h"
#include "fqgan/core/numpy_random.h"
#include "fqgan/core/options.h"
#include "fqgan/core/streams.h"
#include "fqgan/metrics/inception_score.h"
#include "fqgan/metrics/kernel_distance.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

at::Tensor score_rows(int64_t images, int64_t dimension, const char* name) {
  return Streams(3, {}).normal({images, dimension}, name).to(at::kDouble);
}

KernelDistanceOptions kid_options(int64_t subsets, int64_t subset_size, const std::string& draw = "streams") {
  KernelDistanceOptions options;
  options.subsets = subsets;
  options.subset_size = subset_size;
  options.draw = draw;
  return options;
}

TEST(KernelDistance, HandComputed) {
  // D = 1: k(1, 2) = 27, k(0, 3) = 1; between the sides k(1, 0) = 1, k(1, 3) = 64, k(2, 0) = 1, k(2, 3) = 343
  const auto a = at::tensor({1., 2.}).view({2, 1}), b = at::tensor({0., 3.}).view({2, 1});
  const auto found = kernel_distance(a, b, kid_options(3, 2));
  EXPECT_NEAR(found.mean, 27 + 1 - 2 * (1 + 64 + 1 + 343) / 4., 1e-12);
  EXPECT_NEAR(found.stddev, 0, 1e-12);
}

TEST(KernelDistance, ConstantImages) {
  const auto a = at::full({10, 4}, 1., at::kDouble), b = at::full({12, 4}, 3., at::kDouble);
  EXPECT_EQ(kernel_distance(a, a, kid_options(2, 5)).mean, 0);
  EXPECT_NEAR(kernel_distance(a, b, kid_options(2, 5)).mean, 8 + 1000 - 2 * 64, 1e-10);
}

TEST(KernelDistance, IsUnbiased) {
  const auto found = kernel_distance(score_rows(2000, 8, "a"), score_rows(2000, 8, "b"), kid_options(100, 200));
  EXPECT_LT(std::abs(found.mean), 3 * found.stddev / std::sqrt(10.));  // 100 subsets of 2,000 images overlap
  EXPECT_GT(found.stddev, 0);
}

TEST(KernelDistance, TheSameBitsForAnyThreadsAndAnotherDrawForAnotherSeed) {
  const auto a = score_rows(900, 20, "a").to(at::kFloat), b = score_rows(700, 20, "b").to(at::kFloat);
  auto options = kid_options(1, 600);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = kernel_distance(a, b, options);
  at::set_num_threads(3);
  const auto three = kernel_distance(a, b, options);
  at::set_num_threads(threads);
  EXPECT_EQ(one.mean, three.mean);
  options.seed = 1;
  EXPECT_NE(kernel_distance(a, b, options).mean, one.mean);
  options.draw = "numpy";
  EXPECT_NE(kernel_distance(a, b, options).mean, one.mean);
}

TEST(KernelDistance, OfCountsIsThatOfTheImagesThatWereDrawn) {
  const auto a = score_rows(700, 8, "a"), b = score_rows(600, 8, "b");
  const auto options = kid_options(1, 600);  // several tiles
  const auto ones = [](int64_t images) { return torch::ones({1, images}, torch::kDouble); };
  const auto once = kernel_distances_of_counts(a, b, options, ones(700), ones(600));
  EXPECT_NEAR(once.at(0), kernel_distance(a, b, options).mean, 1e-10);
  const auto few = kid_options(1, 8);  // one subset of all images
  const auto x = a.slice(0, 0, 8).to(torch::kDouble), y = b.slice(0, 0, 8).to(torch::kDouble);
  const auto drawn = torch::tensor({0, 0, 0, 3, 4, 4, 6, 7});
  const auto counts = torch::bincount(drawn, {}, 8).to(torch::kDouble).unsqueeze(0);
  const auto kernel = [](const at::Tensor& u, const at::Tensor& v) { return (u.mm(v.t()) / 8 + 1).pow(3); };
  const auto of_pairs = [&](const at::Tensor& u, const at::Tensor& rows) {  // of different images
    return kernel(u, u)
        .index_select(0, rows)
        .index_select(1, rows)
        .masked_select(rows.unsqueeze(0) != rows.unsqueeze(1))
        .mean();
  };
  const auto expected =
      of_pairs(x, drawn) + of_pairs(y, torch::arange(8)) - 2 * kernel(x.index_select(0, drawn), y).mean();
  EXPECT_NEAR(kernel_distances_of_counts(x, y, few, counts, ones(8)).at(0), expected.item<double>(), 1e-10);
}

TEST(KernelDistance, RefusesBadInput) {
  const auto a = score_rows(10, 3, "a"), b = score_rows(20, 3, "b");
  const auto message = message_of<UserError>([&] { kernel_distance(a, b, kid_options(2, 11)); });
  expect_names(message, {"kid.subset_size", "10"});
  EXPECT_THROW(kernel_distance(b, a, kid_options(2, 11)), UserError);
  EXPECT_THROW(kernel_distance(a.slice(0, 0, 1), b, kid_options(2, 1)), UserError);
  EXPECT_THROW(kernel_distance(a, score_rows(20, 4, "b"), kid_options(2, 5)), UserError);
  EXPECT_THROW(kernel_distance(a, at::full({20, 3}, std::nan("")), kid_options(2, 5)), UserError);
  EXPECT_THROW(kernel_distance(a.slice(0, 0, 0), b, kid_options(2, 5)), UserError);
}

TEST(InceptionScore, SureAndEvenClassesGiveTheirNumber) {
  InceptionScoreOptions options;
  options.splits = 2;
  options.shuffle = false;
  const auto sure = at::eye(4, at::kDouble).repeat({6, 1}) * 2000;  // 24 images; p of the others underflows to 0
  EXPECT_NEAR(inception_score(sure, options).mean, 4, 1e-12);
  EXPECT_NEAR(inception_score(sure, options).stddev, 0, 1e-12);
  EXPECT_NEAR(inception_score(at::zeros({24, 4}), options).mean, 1, 1e-12);
  EXPECT_NEAR(inception_score(at::full({24, 4}, 7.), options).mean, 1, 1e-12);
  // sorted by class: each half has two classes, until they are shuffled
  const auto sorted = at::eye(4, at::kDouble).repeat_interleave(6, 0) * 2000;
  EXPECT_NEAR(inception_score(sorted, options).mean, 2, 1e-12);
  options.shuffle = true;
  EXPECT_GT(inception_score(sorted, options).mean, 3);
}

TEST(InceptionScore, AClassThatNoImageHasIsNoNaN) {
  InceptionScoreOptions options;
  options.splits = 1;
  EXPECT_NEAR(inception_score(at::tensor({0., 0., -2000., 0., 0., -2000.}).view({2, 3}), options).mean, 1, 1e-12);
}

TEST(InceptionScore, TheSameBitsForAnyThreads) {
  const auto logits = score_rows(5000, 50, "logits");
  InceptionScoreOptions options;
  options.splits = 1;
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = inception_score(logits, options);
  at::set_num_threads(3);
  EXPECT_EQ(inception_score(logits, options).mean, one.mean);
  at::set_num_threads(threads);
}

TEST(InceptionScore, RefusesBadInput) {
  InceptionScoreOptions options;
  expect_error<UserError>([&] { inception_score(at::zeros({9, 4}), options); }, {"inception_score.splits"});
  EXPECT_THROW(inception_score(at::full({20, 4}, std::nan("")), options), UserError);
  EXPECT_THROW(inception_score(at::zeros({20}), options), UserError);
  options.splits = 0;
  EXPECT_THROW(inception_score(at::zeros({20, 4}), options), UserError);
}

TEST(ScoreOptions, AreCheckedWhenRead) {
  KernelDistanceOptions options;
  auto text = RecipeText::from_string("draw = \"dice\"", "recipe");
  expect_error<UserError>([&] { read_options(text, options); }, {"'numpy'"});
}

TEST(NumpyRandom, KnownValues) {
  // numpy.random.RandomState(2020).permutation(10), and then .choice(10, 3, replace=False)
  NumpyRandom random(2020);
  EXPECT_EQ(random.permutation(10), (std::vector<int64_t>{2, 4, 9, 1, 5, 7, 6, 3, 8, 0}));
  EXPECT_EQ(random.choice_without_replacement(10, 3), (std::vector<int64_t>{5, 7, 6}));
  EXPECT_TRUE(NumpyRandom(1).permutation(0).empty());
}

}  // namespace
}  // namespace fqgan::test
