// Streaming moments: hand-computed values, big offsets, merging, saving, and the same bits for any split and threads.
#include "fqgan/metrics/moments.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"

namespace fqgan::test {
namespace {

at::Tensor draw(std::vector<int64_t> shape, const char* name) {
  return Streams(1, {}).normal(shape, name).to(at::kDouble);
}

Moments of(const at::Tensor& features) {
  Moments moments;
  moments.add(features);
  return moments;
}

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

/// numpy.cov's formula.
at::Tensor plain_covariance(const at::Tensor& x) {
  const auto centred = x - x.mean(0);
  return centred.t().mm(centred) / (x.size(0) - 1);
}

TEST(Moments, HandComputed) {
  const auto moments = of(at::tensor({1., 2., 3., 6.}).view({2, 2}));
  EXPECT_TRUE(at::equal(moments.mean(), at::tensor({2., 4.})));
  EXPECT_TRUE(at::equal(moments.covariance(), at::tensor({2., 4., 4., 8.}).view({2, 2})));
  EXPECT_EQ(moments.count(), 2);
  EXPECT_EQ(moments.dimension(), 2);
}

TEST(Moments, EqualTheTwoPassFormulaOverSeveralBlocks) {
  const auto x = draw({2500, 300}, "x").matmul(draw({300, 300}, "mix"));
  const auto moments = of(x);
  const auto expected = plain_covariance(x);
  EXPECT_LT(difference(moments.mean(), x.mean(0)), 1e-12);
  EXPECT_LT(difference(moments.covariance(), expected) / expected.abs().max().item<double>(), 1e-13);
  EXPECT_TRUE(at::equal(moments.covariance(), moments.covariance().t()));
}

TEST(Moments, ALargeOffsetDoesNotCancel) {
  const auto far = draw({3000, 5}, "x") + 1e8, near = far - 1e8;  // an exact difference
  EXPECT_LT(difference(of(far).covariance(), of(near).covariance()), 1e-13);
  EXPECT_LT(difference(of(near).covariance(), plain_covariance(near)), 1e-13);
  auto merged = of(far.slice(0, 0, 100));
  merged.merge(of(far.slice(0, 100)));
  EXPECT_LT(difference(merged.covariance(), of(near).covariance()), 1e-13);
}

TEST(Moments, ConstantFeaturesHaveNoCovariance) {
  const auto moments = of(at::full({1500, 3}, 0.1, at::kFloat));
  EXPECT_TRUE(at::equal(moments.mean(), at::full({3}, 0.1f, at::kFloat).to(at::kDouble)));
  EXPECT_EQ(moments.covariance().abs().max().item<double>(), 0);
}

TEST(Moments, AnyMergeEqualsTheWhole) {
  const auto x = draw({2700, 40}, "x") * 3 + 1000;
  const auto whole = of(x);
  const double scale = whole.covariance().abs().max().item<double>();
  for (const std::vector<int64_t>& cuts :
       {std::vector<int64_t>{1}, {1350}, {2699}, {1024}, {0, 10, 11, 1500}, {900, 1800}}) {
    Moments merged;
    int64_t begin = 0;
    for (const int64_t cut : cuts) {
      merged.merge(of(x.slice(0, begin, cut)));
      begin = cut;
    }
    merged.merge(of(x.slice(0, begin)));
    EXPECT_EQ(merged.count(), 2700);
    EXPECT_LT(difference(merged.mean(), whole.mean()) / 1000, 1e-12);
    EXPECT_LT(difference(merged.covariance(), whole.covariance()) / scale, 1e-12);
  }
}

TEST(Moments, ShardsOfWholeBlocksMergeToTheSameBits) {
  constexpr int64_t block = Moments::block_rows;
  const auto x = (draw({11 * block + 300, 20}, "x") * 3 + 1000).to(at::kFloat);
  const auto whole = of(x).tensors();
  const auto shard = [&](int64_t begin, int64_t end) {  // in blocks
    Moments moments(begin * block);
    for (const auto& batch : x.slice(0, begin * block, end * block).split(250)) moments.add(batch);
    return moments;
  };
  const auto expect_whole = [&](const Moments& merged) {
    for (const auto& [name, tensor] : merged.tensors()) EXPECT_TRUE(at::equal(tensor, whole.at(name))) << name;
  };
  for (const std::vector<int64_t>& cuts : {std::vector<int64_t>{1}, {3, 8}, {4, 6, 7}, {11}, {1, 2, 3, 4, 5, 6, 7}}) {
    Moments merged;
    int64_t begin = 0;
    for (const int64_t cut : cuts) merged.merge(shard(std::exchange(begin, cut), cut));
    merged.merge(shard(begin, 12));
    expect_whole(merged);
  }
  auto first = shard(0, 3), second = shard(5, 9), last = shard(9, 12);  // in another order, neighbours only
  second.merge(last);
  first.merge(shard(3, 5));
  first.merge(second);
  expect_whole(first);

  auto gap = shard(0, 3);  // not neighbours: to rounding, as any others
  gap.merge(shard(5, 12));
  gap.merge(shard(3, 5));
  EXPECT_EQ(gap.count(), x.size(0));
  EXPECT_LT(difference(gap.covariance(), of(x).covariance()), 1e-11);
  EXPECT_THROW(Moments(100), InternalError);
}

TEST(Moments, RowsAreKeptWhileTheyAreFew) {
  const auto x = draw({31, 30}, "x") + 1e8;
  auto moments = of(x.slice(0, 0, 10));
  moments.merge(of(x.slice(0, 10, 29)));
  moments.add(x.slice(0, 29, 30));
  const auto rows = moments.few_rows();
  ASSERT_TRUE(rows);
  const auto thirty = x.slice(0, 0, 30) - x[0];
  EXPECT_LT(difference(rows->centred, thirty - thirty.mean(0)), 1e-13);
  EXPECT_LT(difference(rows->mean, x.slice(0, 0, 30).mean(0)), 1e-7);
  const auto saved = Moments::from_tensors(moments.tensors(), "file");
  EXPECT_FALSE(saved.few_rows());
  auto merged = of(x.slice(0, 0, 1));
  merged.merge(saved);
  EXPECT_FALSE(merged.few_rows());
  moments.add(x.slice(0, 30));
  EXPECT_FALSE(moments.few_rows());
  EXPECT_FALSE(Moments().few_rows());
}

TEST(Moments, TheSameBitsForAnyBatchSizeAndThreads) {
  const auto x = draw({2600, 270}, "x").to(at::kFloat);
  const auto whole = of(x);
  Moments batched;
  for (int64_t begin = 0; begin < x.size(0); begin += 37) batched.add(x.slice(0, begin, begin + 37));
  EXPECT_TRUE(at::equal(batched.covariance(), whole.covariance()));
  const int threads = at::get_num_threads();
  for (const int other : {1, 2, 3}) {
    at::set_num_threads(other);
    EXPECT_TRUE(at::equal(of(x).covariance(), whole.covariance())) << other;
    EXPECT_TRUE(at::equal(of(x).mean(), whole.mean())) << other;
    EXPECT_TRUE(at::equal(of(x.slice(1, 0, 7)).covariance(), of(x.slice(1, 0, 7)).covariance())) << other;
  }
  at::set_num_threads(1);
  const auto narrow = of(x.slice(1, 0, 7)).covariance();  // a single tile
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(of(x.slice(1, 0, 7)).covariance(), narrow));
  at::set_num_threads(threads);
}

TEST(Moments, ACopyGoesItsOwnWay) {
  auto x = draw({5, 3}, "x");
  auto first = of(x);
  const auto before = first.mean();
  auto second = first;
  second.add(x + 7);
  x.zero_();
  EXPECT_TRUE(at::equal(first.mean(), before));
  EXPECT_EQ(second.count(), 10);
}

TEST(Moments, SavedAndReadBackGoOnAlike) {
  const auto x = draw({1300, 6}, "x");
  auto moments = of(x.slice(0, 0, 1100));
  auto again = Moments::from_tensors(moments.tensors(), "file");
  EXPECT_TRUE(at::equal(again.covariance(), moments.covariance()));
  again.add(x.slice(0, 1100));
  EXPECT_EQ(again.count(), 1300);
  EXPECT_LT(difference(again.covariance(), of(x).covariance()), 1e-13);
  EXPECT_EQ(Moments::from_tensors(Moments().tensors(), "file").count(), 0);
}

TEST(Moments, RefuseBadInput) {
  auto moments = of(draw({4, 3}, "x"));
  EXPECT_THROW(moments.add(draw({4, 2}, "y")), UserError);
  EXPECT_THROW(moments.merge(of(draw({4, 2}, "y"))), UserError);
  EXPECT_THROW(moments.add(at::zeros({3})), UserError);
  EXPECT_THROW(moments.add(at::zeros({2, 3}, at::kLong)), UserError);
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    auto x = draw({4, 3}, "x");
    x[2][1] = bad;
    try {
      moments.add(x);
      FAIL();
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("row 2"), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(moments.count(), 4);
  EXPECT_THROW(Moments().mean(), UserError);
  EXPECT_THROW(of(draw({1, 3}, "x")).covariance(), UserError);
  auto tensors = moments.tensors();
  tensors["scatter"] = at::zeros({2, 2}, at::kDouble);
  EXPECT_THROW(Moments::from_tensors(tensors, "file"), UserError);
  tensors.erase("scatter");
  EXPECT_THROW(Moments::from_tensors(tensors, "file"), UserError);
}

}  // namespace
}  // namespace fqgan::test
