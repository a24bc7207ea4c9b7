#include "fqgan/metrics/neighbours.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <numeric>

#include "fqgan/core/error.h"
#include "fqgan/metrics/check_features.h"
#include "fqgan/metrics/nearest.h"

namespace fqgan {
namespace {

/// The squared distance of each point of a set to its k-th nearest neighbour.
std::vector<double> radii_of(const Screen& screen, int64_t set, int64_t neighbours) {
  const auto nearest = nearest_within(screen, set, neighbours);
  std::vector<double> radii;
  for (int64_t i = 0; i < nearest.count(); ++i) radii.push_back(nearest.squared_at(i, neighbours - 1));
  return radii;
}

/// Counts the points inside of the real points' balls and of the fake points' balls.
class BallCounts {
 public:
  BallCounts(const Screen& screen, NeighbourConvention convention)
      : screen_(screen),
        convention_(convention),
        real_radii_(radii_of(screen, 0, convention.neighbours)),
        fake_radii_(radii_of(screen, 1, convention.neighbours)),
        fake_limits_(fake_radii_.size()),
        fake_is_inside_(fake_radii_.size()),
        real_is_inside_(real_radii_.size()),
        fakes_inside_(real_radii_.size()) {
    for (size_t j = 0; j < fake_radii_.size(); ++j) fake_limits_[j] = screen.ceiling(fake_radii_[j]);
  }

  NeighbourCounts counts() {
    const auto real = static_cast<int64_t>(real_radii_.size()), fake = static_cast<int64_t>(fake_radii_.size());
    const int64_t rows = even_tile_rows(real), columns = even_tile_rows(fake);
    for (int64_t row = 0; row < real; row += rows)
      for (int64_t column = 0; column < fake; column += columns)
        tile(row, std::min(real, row + rows), column, std::min(fake, column + columns));
    NeighbourCounts result{real, fake, convention_.neighbours};
    for (const auto& inside : fake_is_inside_) result.fakes_in_a_real_ball += inside.load();
    for (const auto inside : real_is_inside_) result.reals_in_a_fake_ball += inside;
    result.pairs_in_real_balls = std::accumulate(fakes_inside_.begin(), fakes_inside_.end(), int64_t{0});
    for (const auto fakes : fakes_inside_) result.real_balls_with_a_fake += fakes > 0;
    if (convention_.strict) result.empty_real_balls = std::count(real_radii_.begin(), real_radii_.end(), 0.);
    return result;
  }

 private:
  void tile(int64_t row_begin, int64_t row_end, int64_t column_begin, int64_t column_end) {
    const auto products = screen_.products(0, row_begin, row_end, 1, column_begin, column_end);
    const auto* product = products.const_data_ptr<float>();
    const int64_t width = column_end - column_begin;
    at::parallel_for(row_begin, row_end, 8, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const auto* row = product + (i - row_begin) * width;
        const auto& below = screen_.sets[0].below;
        const ScreenedRow part{row, &screen_.sets[1].below[column_begin], &fake_limits_[column_begin], below[i],
                               screen_.ceiling(real_radii_[i])};
        visit_within(screen_, part, width, [&](int64_t j) { decide(i, column_begin + j, row[j]); });
      }
    });
  }

  /// Whether a pair is within a squared radius: by the bounds if they decide it, else by the exact distance, which is
  /// computed once.
  bool within(double squared_radius, float lower, float upper, double& exact, int64_t i, int64_t j) const {
    if (lower > screen_.ceiling(squared_radius)) return false;
    if (upper < screen_.floor(squared_radius)) return true;
    if (exact < 0) exact = squared_distance(screen_.sets[0], i, screen_.sets[1], j);
    return convention_.strict ? exact < squared_radius : exact <= squared_radius;
  }

  void decide(int64_t i, int64_t j, float product) {
    const auto &real = screen_.sets[0], &fake = screen_.sets[1];
    const float lower = screen_.lower(real.below[i], fake.below[j], product);
    const float upper = screen_.upper(real.above[i], fake.above[j], product);
    double exact = -1;
    if (within(real_radii_[i], lower, upper, exact, i, j)) {
      ++fakes_inside_[i];
      fake_is_inside_[j].store(1, std::memory_order_relaxed);
    }
    if (!real_is_inside_[i] && within(fake_radii_[j], lower, upper, exact, i, j)) real_is_inside_[i] = 1;
  }

  const Screen& screen_;
  const NeighbourConvention convention_;
  const std::vector<double> real_radii_, fake_radii_;  // squared
  std::vector<float> fake_limits_;
  std::vector<std::atomic<uint8_t>> fake_is_inside_;  // several threads write to a fake's entry
  std::vector<uint8_t> real_is_inside_;
  std::vector<int64_t> fakes_inside_;  // number of fakes inside of each real's ball
};

void check_side(const at::Tensor& x, NeighbourConvention convention, const std::string& what) {
  const auto k = std::to_string(convention.neighbours);
  if (convention.neighbours < 1) fail("neighbours", "expected at least 1 nearest neighbour, got " + k);
  check_features(x, "neighbours", what + " features");
  check_images(x.size(0), convention.fewest_images(), "neighbours", what + " images for k = " + k, "use more images");
}

}  // namespace

NeighbourCounts neighbour_counts(const at::Tensor& real, const at::Tensor& fake, NeighbourConvention convention) {
  check_side(real, convention, "real");
  check_side(fake, convention, "generated");
  check_same_dimension(real.size(1), fake.size(1), "neighbours");
  const auto screen = make_screen(as_points({real, fake}), screen_type());
  return BallCounts(screen, convention).counts();
}

at::Tensor squared_radii(const at::Tensor& features, int64_t neighbours) {
  check_side(features, {neighbours, false}, "given");
  const auto screen = make_screen(as_points({features}), screen_type());
  const auto radii = radii_of(screen, 0, neighbours);
  auto result = at::empty({features.size(0)}, at::TensorOptions(at::kDouble));
  std::copy(radii.begin(), radii.end(), result.mutable_data_ptr<double>());
  return result;
}

}  // namespace fqgan
