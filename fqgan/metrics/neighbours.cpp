#include "fqgan/metrics/neighbours.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <atomic>
#include <limits>
#include <numeric>

#include "fqgan/core/error.h"
#include "fqgan/metrics/check_features.h"
#include "fqgan/metrics/screen.h"

namespace fqgan {
namespace {

constexpr int64_t most_tile_rows = 1024;
constexpr float none = -std::numeric_limits<float>::infinity();

/// The rows of a tile: the points are divided evenly, so that every tile is large enough for an initial bound.
int64_t even_tile_rows(int64_t points) {
  const int64_t tiles = (points + most_tile_rows - 1) / most_tile_rows;
  return (points + tiles - 1) / tiles;
}

/// The k smallest squared distances of each point to others of its set, found tile by tile.
class NearestSearch {
 public:
  NearestSearch(const Screen& screen, int64_t set, int64_t neighbours)
      : screen_(screen),
        set_(set),
        points_(screen.sets[set]),
        neighbours_(neighbours),
        best_(points_.count() * neighbours, std::numeric_limits<double>::infinity()),
        bounds_(points_.count(), std::numeric_limits<float>::infinity()),
        no_limits_(points_.count(), none) {}

  std::vector<double> squared_radii() {
    const int64_t count = points_.count(), size = even_tile_rows(count);
    for (int64_t begin = 0; begin < count; begin += size) diagonal_tile(begin, std::min(count, begin + size));
    for (int64_t row = 0; row < count; row += size)
      for (int64_t column = row + size; column < count; column += size)
        tile(row, std::min(count, row + size), column, std::min(count, column + size));
    std::vector<double> radii;
    for (int64_t i = 0; i < count; ++i) radii.push_back(best_[(i + 1) * neighbours_ - 1]);
    return radii;
  }

 private:
  /// Bounds each point's radius by the points of this tile, and adds their distances.
  void diagonal_tile(int64_t begin, int64_t end) {
    const auto products = screen_.products(set_, begin, end, set_, begin, end);
    const auto* product = products.const_data_ptr<float>();
    const int64_t width = end - begin;
    at::parallel_for(begin, end, 8, [&](int64_t first, int64_t last) {
      std::vector<float> upper;
      for (int64_t i = first; i < last; ++i) {
        const auto* row = product + (i - begin) * width;
        upper.clear();
        for (int64_t j = begin; j < end; ++j)
          if (j != i) upper.push_back(screen_.upper(points_.above[i], points_.above[j], row[j - begin]));
        if (width > neighbours_) {
          std::nth_element(upper.begin(), upper.begin() + neighbours_ - 1, upper.end());
          bounds_[i] = upper[neighbours_ - 1];
        }
        visit_row(i, row, begin, end);
      }
    });
  }

  /// Adds the distances between two disjoint ranges, first for the rows, then for the columns. Only one thread writes
  /// to a point.
  void tile(int64_t row_begin, int64_t row_end, int64_t column_begin, int64_t column_end) {
    const auto products = screen_.products(set_, row_begin, row_end, set_, column_begin, column_end);
    const auto* product = products.const_data_ptr<float>();
    const int64_t width = column_end - column_begin;
    at::parallel_for(row_begin, row_end, 8, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) visit_row(i, product + (i - row_begin) * width, column_begin, column_end);
    });
    const int64_t chunks = (width + screen_chunk - 1) / screen_chunk;
    at::parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
      const int64_t begin = column_begin + first * screen_chunk;
      const int64_t end = std::min(column_end, column_begin + last * screen_chunk);
      for (int64_t i = row_begin; i < row_end; ++i) {
        const auto* row = product + (i - row_begin) * width + (begin - column_begin);
        const ScreenedRow part{row, &points_.below[begin], &bounds_[begin], points_.below[i], none};
        visit_within(screen_, part, end - begin, [&](int64_t j) { offer(begin + j, i); });
      }
    });
  }

  /// Visits every point of [begin, end) that can be within the bound of i.
  void visit_row(int64_t i, const float* products, int64_t begin, int64_t end) {
    for (int64_t start = begin; start < end; start += screen_chunk) {  // the bound decreases from chunk to chunk
      const ScreenedRow part{products + (start - begin), &points_.below[start], &no_limits_[start], points_.below[i],
                             bounds_[i]};
      visit_within(screen_, part, std::min(end - start, screen_chunk), [&](int64_t j) {
        if (start + j != i) offer(i, start + j);
      });
    }
  }

  void offer(int64_t i, int64_t other) {
    const double distance = squared_distance(points_, i, points_, other);
    double* best = &best_[i * neighbours_];
    int64_t place = neighbours_ - 1;
    if (distance >= best[place]) return;
    for (; place > 0 && best[place - 1] > distance; --place) best[place] = best[place - 1];
    best[place] = distance;
    bounds_[i] = std::min(bounds_[i], screen_.ceiling(best[neighbours_ - 1]));
  }

  const Screen& screen_;
  const int64_t set_;
  const ScreenedPoints& points_;
  const int64_t neighbours_;
  std::vector<double> best_;   // N x k, ascending: the exact distances so far
  std::vector<float> bounds_;  // N: at least k other points are within the bound
  std::vector<float> no_limits_;
};

/// Counts the points inside of the real points' balls and of the fake points' balls.
class BallCounts {
 public:
  BallCounts(const Screen& screen, NeighbourConvention convention)
      : screen_(screen),
        convention_(convention),
        real_radii_(NearestSearch(screen, 0, convention.neighbours).squared_radii()),
        fake_radii_(NearestSearch(screen, 1, convention.neighbours).squared_radii()),
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

/// float64 if any of them is float64, else float32, which can hold bfloat16 and float16.
std::vector<at::Tensor> as_points(const std::vector<at::Tensor>& sets) {
  auto type = at::kFloat;
  for (const auto& x : sets)
    if (x.scalar_type() == at::kDouble) type = at::kDouble;
  std::vector<at::Tensor> points;
  for (const auto& x : sets) points.push_back(x.detach().to(x.options().device(at::kCPU).dtype(type)).contiguous());
  return points;
}

void check_side(const at::Tensor& x, int64_t neighbours, const std::string& what) {
  if (neighbours < 1) fail("neighbours", "expected at least 1 nearest neighbour, got " + std::to_string(neighbours));
  check_features(x, "neighbours", what + " features");
  check_images(x.size(0), neighbours + 1, "neighbours", what + " images for k = " + std::to_string(neighbours),
               "use more images");
}

}  // namespace

NeighbourCounts neighbour_counts(const at::Tensor& real, const at::Tensor& fake, NeighbourConvention convention) {
  check_side(real, convention.neighbours, "real");
  check_side(fake, convention.neighbours, "generated");
  check_same_dimension(real.size(1), fake.size(1), "neighbours");
  const auto screen = make_screen(as_points({real, fake}), screen_type());
  return BallCounts(screen, convention).counts();
}

at::Tensor squared_radii(const at::Tensor& features, int64_t neighbours) {
  check_side(features, neighbours, "given");
  const auto screen = make_screen(as_points({features}), screen_type());
  const auto radii = NearestSearch(screen, 0, neighbours).squared_radii();
  auto result = at::empty({features.size(0)}, at::TensorOptions(at::kDouble));
  std::copy(radii.begin(), radii.end(), result.mutable_data_ptr<double>());
  return result;
}

}  // namespace fqgan
