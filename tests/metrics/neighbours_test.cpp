// Precision, recall, density, coverage: hand-computed sets, the error bound of the screen, ties, threads.
#include "fqgan/metrics/neighbours.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <limits>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "fqgan/metrics/screen.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

at::Tensor neighbour_rows(int64_t images, int64_t dimension, const char* name) {
  return Streams(4, {}).normal({images, dimension}, name).to(at::kDouble);
}

at::Tensor column(std::vector<double> values) {
  return at::tensor(values).view({static_cast<int64_t>(values.size()), 1});
}

/// The four counts in the order of the struct.
std::vector<int64_t> list(const NeighbourCounts& counts) {
  return {counts.fakes_in_a_real_ball, counts.reals_in_a_fake_ball, counts.pairs_in_real_balls,
          counts.real_balls_with_a_fake};
}

TEST(Neighbours, HandComputed) {
  // real radii with k = 1: 1, 1, 3, 6; fake radii: 0.5, 0.5, 14
  const auto real = column({0, 1, 4, 10}), fake = column({1.5, 2, 16});
  EXPECT_TRUE(at::equal(squared_radii(real, 1), at::tensor({1., 1., 9., 36.})));
  // fakes inside real balls: 1: 1.5, 2 (its edge); 4: 1.5, 2; 10: 16 (its edge). Reals inside fake balls: 4, 10
  const auto closed = neighbour_counts(real, fake, {1, false});
  EXPECT_EQ(list(closed), (std::vector<int64_t>{3, 3, 5, 3}));  // 1 is on the edge of 1.5's ball
  EXPECT_EQ(list(neighbour_counts(real, fake, {1, true})), (std::vector<int64_t>{2, 2, 3, 2}));
  EXPECT_DOUBLE_EQ(closed.precision(), 1);
  EXPECT_DOUBLE_EQ(closed.recall(), 0.75);
  EXPECT_DOUBLE_EQ(closed.density(), 5. / 3);
  EXPECT_DOUBLE_EQ(closed.coverage(), 0.75);
}

TEST(Neighbours, IdenticalSetsAreAllInside) {
  const auto x = neighbour_rows(200, 10, "x");
  for (const auto convention : {precision_recall_convention, prdc_convention}) {
    const auto counts = neighbour_counts(x, x, convention);
    EXPECT_EQ(counts.precision(), 1);
    EXPECT_EQ(counts.recall(), 1);
    EXPECT_EQ(counts.coverage(), 1);
    // each ball holds its own point and the k - 1 (strict) or k neighbours
    EXPECT_EQ(counts.pairs_in_real_balls, 200 * (convention.neighbours + (convention.strict ? 0 : 1)));
  }
}

TEST(Neighbours, ConstantImagesHaveBallsOfRadiusZero) {
  const auto x = at::full({50, 6}, 0.3f);
  EXPECT_EQ(list(neighbour_counts(x, x, {3, false})), (std::vector<int64_t>{50, 50, 2500, 50}));
  EXPECT_EQ(list(neighbour_counts(x, x, {3, true})), (std::vector<int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(list(neighbour_counts(x, x + 1, {3, false})), (std::vector<int64_t>{0, 0, 0, 0}));
}

TEST(Neighbours, FarSetsAreOutside) {
  const auto x = neighbour_rows(1100, 8, "x");
  EXPECT_EQ(list(neighbour_counts(x, x + 100, {5, false})), (std::vector<int64_t>{0, 0, 0, 0}));
}

/// Distances that the screen cannot tell apart: on the ball's edge, and a float64 step inside and outside of it.
TEST(Neighbours, OneBitDecides) {
  const auto real = at::tensor({0., 0., 0., 1., 0., 0.}).view({2, 3});
  const double inside = std::nextafter(1., 0.), outside = std::nextafter(1., 2.);
  const auto fake = at::tensor({0., inside, 0., 0., 1., 0., 0., outside, 0., 0., 0., -outside}).view({4, 3});
  EXPECT_EQ(neighbour_counts(real, fake, {1, false}).pairs_in_real_balls, 2);
  EXPECT_EQ(neighbour_counts(real, fake, {1, true}).pairs_in_real_balls, 1);
}

TEST(Neighbours, TheSameForAnyThreadsAndType) {
  const auto real = neighbour_rows(1500, 24, "real").to(at::kFloat),
             fake = neighbour_rows(1200, 24, "fake").to(at::kFloat);
  const auto expected = list(neighbour_counts(real, fake, {5, true}));
  EXPECT_GT(expected[0], 0);
  const int threads = at::get_num_threads();
  for (const int other : {1, 3}) {
    at::set_num_threads(other);
    EXPECT_EQ(list(neighbour_counts(real, fake, {5, true})), expected);
  }
  at::set_num_threads(threads);
  EXPECT_EQ(list(neighbour_counts(real.to(at::kDouble), fake, {5, true})), expected);
  const auto rounded = real.to(at::kBFloat16);
  EXPECT_EQ(list(neighbour_counts(rounded, fake, {5, true})),
            list(neighbour_counts(rounded.to(at::kFloat), fake, {5, true})));
}

/// Checks the bounds of every pair; returns how many are distinguished from 0.9 of their distance.
int64_t decided_pairs(const Screen& screen) {
  const auto &a = screen.sets[0], &b = screen.sets[1];
  const auto products = screen.products(0, 0, a.count(), 1, 0, b.count());
  const auto* product = products.const_data_ptr<float>();
  int64_t decided = 0;
  for (int64_t i = 0; i < a.count(); ++i)
    for (int64_t j = 0; j < b.count(); ++j, ++product) {
      const double squared = squared_distance(a, i, b, j);
      EXPECT_LE(screen.lower(a.below[i], b.below[j], *product), screen.ceiling(squared)) << i << " " << j;
      EXPECT_GE(screen.upper(a.above[i], b.above[j], *product), screen.floor(squared)) << i << " " << j;
      decided += screen.lower(a.below[i], b.below[j], *product) > screen.ceiling(squared * 0.9);
    }
  return decided;
}

/// The bounds hold for points of all lengths and directions and for near pairs, and tell most pairs apart.
TEST(Screen, BoundsHoldForEveryPair) {
  for (const auto type : {at::kBFloat16, at::kFloat})
    for (const double lowest : {0., -6.}) {
      const auto lengths = at::logspace(lowest, 0, 300, 10., at::kDouble).unsqueeze(1);
      const auto x = neighbour_rows(300, 70, "x") * lengths + 100, y = x * (1 + 1e-5) + 1e-4;
      EXPECT_GT(decided_pairs(make_screen({x, y}, type)), lowest == 0 ? 89000 : 40000) << type << " " << lowest;
    }
}

/// All components lose as much as rounding can take, in the direction of the vector itself.
TEST(Screen, BoundsHoldForTheWorstRounding) {
  const auto v = at::full({1, 64}, 1 + 0.49 / 64 / 2, at::kDouble), x = at::cat({v, -v});
  EXPECT_EQ(decided_pairs(make_screen({x, x}, at::kBFloat16)), 2);  // v and -v, both ways
}

TEST(Screen, SquaredDistanceOfEveryLength) {
  for (const int64_t dimension : {1, 7, 31, 32, 33, 64, 100}) {
    const auto x = at::arange(dimension * 2, at::kDouble).view({2, dimension});
    const ScreenedPoints wide{x, {}, {}, {}}, narrow{x.to(at::kFloat), {}, {}, {}};
    const auto expected = static_cast<double>(dimension * dimension * dimension);
    EXPECT_EQ(squared_distance(wide, 0, wide, 1), expected);
    EXPECT_EQ(squared_distance(narrow, 1, narrow, 0), expected);
  }
}

TEST(Neighbours, RefuseBadInput) {
  const auto x = neighbour_rows(10, 3, "x");
  expect_error<UserError>([&] { neighbour_counts(x.slice(0, 0, 3), x, {3, false}); }, {"real", "4", "3"});
  expect_error<UserError>([&] { neighbour_counts(x, x.slice(0, 0, 3), {3, false}); }, {"generated", "4", "3"});
  EXPECT_NO_THROW(neighbour_counts(x.slice(0, 0, 4), x.slice(0, 0, 4), {3, false}));
  EXPECT_THROW(neighbour_counts(x, x.slice(0, 0, 0), {1, false}), UserError);
  EXPECT_THROW(neighbour_counts(x, x.slice(1, 0, 2), {1, false}), UserError);
  EXPECT_THROW(neighbour_counts(x, x, {0, false}), UserError);
  EXPECT_THROW(squared_radii(x * std::numeric_limits<double>::quiet_NaN(), 1), UserError);
  EXPECT_THROW(squared_radii(x * 1e200, 1), UserError);
}

}  // namespace
}  // namespace fqgan::test
