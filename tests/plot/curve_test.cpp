#include "fqgan/plot/curve.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "fqgan/core/error.h"
#include "fqgan/plot/axis.h"
#include "support/support.h"

namespace fqgan {
namespace {

const double nothing = std::nan("");

/// Pixels of exactly this colour: H x W, bool.
at::Tensor painted(const at::Tensor& picture, std::vector<int64_t> colour) {
  return (picture == at::tensor(colour, at::kLong).to(at::kByte).view({3, 1, 1})).all(0);
}
const std::vector<int64_t> first_colour = {0, 114, 178}, second_colour = {213, 94, 0};

int64_t count_of(const at::Tensor& mask) { return mask.sum().item<int64_t>(); }

TEST(Axis, TicksAreRoundNumbers) {
  EXPECT_EQ(linear_ticks(0, 97, 5), (std::vector<double>{0, 20, 40, 60, 80}));
  EXPECT_EQ(linear_ticks(-3, 3, 6), (std::vector<double>{-3, -2, -1, 0, 1, 2, 3}));
  EXPECT_EQ(linear_ticks(1200, 4900, 4), (std::vector<double>{2000, 3000, 4000}));
  EXPECT_EQ(logarithmic_ticks(3, 40'000), (std::vector<double>{10, 100, 1000, 10'000}));
  const auto few = logarithmic_ticks(15, 320);
  ASSERT_EQ(few.size(), 4u);
  EXPECT_NEAR(few[0], 20, 1e-9);
  EXPECT_NEAR(few[3], 200, 1e-9);
  EXPECT_EQ(logarithmic_ticks(21, 22), (std::vector<double>{21, 22}));
}

TEST(Axis, HoldsItsValues) {
  const auto check = [](const std::vector<double>& values, bool logarithmic) {
    const auto axis = axis_over(values, logarithmic, 0.05);
    EXPECT_LT(axis.low, axis.high);
    for (const double value : values) {
      EXPECT_LE(axis.low, value);
      EXPECT_GE(axis.high, value);
    }
  };
  for (const bool logarithmic : {false, true}) {
    check({}, logarithmic);
    check({7}, logarithmic);
    check({1e-12, 1e12}, logarithmic);
    check({1e9, 1e9}, logarithmic);
  }
  check({0}, false);
  check({-5, -5}, false);
  EXPECT_EQ(axis_over({0, 100}, false, 0.05).low, 0) << "an axis of positive values does not begin below zero";
}

TEST(Curves, ShapeTypeAndWhitePaper) {
  const auto picture = draw_curves({{"", {0, 1}, {0, 1}, {}}}, {"title", "x", "y", 320, 200});
  EXPECT_EQ(picture.sizes(), (at::IntArrayRef{3, 200, 320}));
  EXPECT_EQ(picture.scalar_type(), at::kByte);
  EXPECT_GT(count_of(painted(picture, {255, 255, 255})), 200 * 320 / 2);
}

TEST(Curves, ALineGoesFromLowerLeftToUpperRight) {
  const auto line = painted(draw_curves({{"", {0, 1000}, {1, 5}, {}}}, {}), first_colour);
  const auto where = line.nonzero();  // rows of y, x
  const auto lowest = where[where.size(0) - 1], highest = where[0];
  EXPECT_LT(lowest[1].item<int64_t>(), 200);
  EXPECT_GT(highest[1].item<int64_t>(), 600);
  for (int64_t x = 100; x < 700; ++x) EXPECT_TRUE(line.select(1, x).any().item<bool>()) << "a gap at column " << x;
}

TEST(Curves, EachHasItsColourAndANameInTheLegend) {
  const Curve low{"low", {0, 1}, {1, 1}, {}}, high{"high", {0, 1}, {2, 2}, {}};
  const auto both = draw_curves({low, high}, {});
  EXPECT_GT(count_of(painted(both, first_colour)), 500);
  EXPECT_GT(count_of(painted(both, second_colour)), 500);
  const auto nameless = draw_curves({{"", low.x, low.y, {}}, {"", high.x, high.y, {}}}, {});
  EXPECT_FALSE(at::equal(both, nameless));
}

TEST(Curves, TheBandIsAsWideAsTheStandardDeviation) {
  const std::vector<double> x = {0, 1, 2}, y = {10, 10, 10};
  const auto tinted = [](const at::Tensor& picture) {  // of the middle column
    const auto column = picture.select(2, 400);
    return count_of((column[0] != column[2]).logical_and(column[0] > 150));
  };
  const auto narrow = tinted(draw_curves({{"", x, y, {1, 1, 1}}, {"", x, {0, 0, 20}, {}}}, {}));
  const auto wide = tinted(draw_curves({{"", x, y, {4, 4, 4}}, {"", x, {0, 0, 20}, {}}}, {}));
  EXPECT_GT(narrow, 20);
  EXPECT_NEAR(static_cast<double>(wide) / static_cast<double>(narrow), 4., 0.5);
}

TEST(Curves, TheAxisHoldsTheWholeBand) {
  const auto column = draw_curves({{"", {0, 1, 2}, {10, 10, 10}, {80, 80, 80}}}, {}).select(2, 400);
  const auto band = (column[0] != column[2]).nonzero();
  ASSERT_GT(band.size(0), 100);
  const auto first = band[0].item<int64_t>(), last = band[-1].item<int64_t>();
  for (const auto y : {first - 3, last + 3})  // the grid line of this column goes on: the frame is further out
    EXPECT_LT(column.select(1, y).min().item<int64_t>(), 255) << y;
}

TEST(Curves, PointsThatAreNotNumbersBreakTheLine) {
  const auto whole = painted(draw_curves({{"", {0, 1, 2, 3}, {5, 5, 5, 5}, {}}}, {}), first_colour);
  const auto broken = painted(draw_curves({{"", {0, 1, 2, 3}, {5, nothing, 5, 5}, {}}}, {}), first_colour);
  EXPECT_LT(count_of(broken), count_of(whole) / 2);
  EXPECT_GT(count_of(broken), count_of(whole) / 5);
  const double infinite = std::numeric_limits<double>::infinity();
  draw_curves({{"", {0, infinite}, {1, 1}, {}}, {"", {}, {}, {}}, {"", {0}, {nothing}, {nothing}}}, {});
  draw_curves({}, {});
}

TEST(Curves, ALogarithmicAxisLeavesOutWhatIsNotPositive) {
  PlotOptions options;
  options.log_y = true;
  const auto all = draw_curves({{"", {0, 1, 2}, {1, 100, 10'000}, {}}}, options);
  const auto rows = painted(all, first_colour).any(0).nonzero();
  EXPECT_GT(rows.size(0), 500);
  // Equal factors are equal steps: a straight line from corner to corner.
  const auto line = painted(all, first_colour);
  EXPECT_TRUE(line.narrow(0, 200, 80).narrow(1, 380, 80).any().item<bool>());
  const auto without = painted(draw_curves({{"", {0, 1, 2}, {-1, 100, 10'000}, {0, 1e9, 0}}}, options), first_colour);
  EXPECT_LT(count_of(without), count_of(line));
}

TEST(Curves, TooSmallAPictureIsRefused) {
  const auto message = test::message_of<UserError>([] { draw_curves({}, {"", "", "", 100, 100}); });
  test::expect_names(message, {"200 x 150", "100 x 100"});
}

}  // namespace
}  // namespace fqgan
