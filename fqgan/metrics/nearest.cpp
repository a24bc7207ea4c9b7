#include "fqgan/metrics/nearest.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

constexpr int64_t most_tile_rows = 1024;
constexpr float none = -std::numeric_limits<float>::infinity();

/// A range of points of each of the two sets.
struct PairTile {
  int64_t row_begin, row_end, column_begin, column_end;
  int64_t width() const { return column_end - column_begin; }
};

/// The k smallest squared distances of each point of the set `from` to points of the set `to`, found tile by tile.
class NearestSearch {
 public:
  NearestSearch(const Screen& screen, int64_t from, int64_t to, int64_t neighbours)
      : screen_(screen),
        from_(from),
        to_(to),
        rows_(screen.sets[from]),
        columns_(screen.sets[to]),
        found_{neighbours, std::vector<double>(rows_.count() * neighbours, std::numeric_limits<double>::infinity()),
               std::vector<int64_t>(rows_.count() * neighbours, std::numeric_limits<int64_t>::max())},
        bounds_(rows_.count(), std::numeric_limits<float>::infinity()),
        no_limits_(columns_.count(), none) {}

  /// Within one set each tile of pairs serves both of its ranges, which halves the products.
  Nearest within() {
    const int64_t count = rows_.count(), size = even_tile_rows(count);
    for (int64_t begin = 0; begin < count; begin += size) {
      const auto end = std::min(count, begin + size);
      visit_rows({begin, end, begin, end});
    }
    for (int64_t row = 0; row < count; row += size)
      for (int64_t column = row + size; column < count; column += size)
        visit_both({row, std::min(count, row + size), column, std::min(count, column + size)});
    return std::move(found_);
  }

  Nearest between() {
    const int64_t rows = even_tile_rows(rows_.count()), columns = even_tile_rows(columns_.count());
    for (int64_t row = 0; row < rows_.count(); row += rows)
      for (int64_t column = 0; column < columns_.count(); column += columns)
        visit_rows({row, std::min(rows_.count(), row + rows), column, std::min(columns_.count(), column + columns)});
    return std::move(found_);
  }

 private:
  at::Tensor products(const PairTile& tile) const {
    return screen_.products(from_, tile.row_begin, tile.row_end, to_, tile.column_begin, tile.column_end);
  }
  bool itself(int64_t i, int64_t j) const { return from_ == to_ && i == j; }

  /// Adds a tile's distances to its rows. The first tile of a row also bounds the distances that can matter.
  void visit_rows(const PairTile& tile) {
    const auto products = this->products(tile);
    const auto* product = products.const_data_ptr<float>();
    at::parallel_for(tile.row_begin, tile.row_end, 8, [&](int64_t first, int64_t last) {
      std::vector<float> upper;
      for (int64_t i = first; i < last; ++i) {
        const auto* row = product + (i - tile.row_begin) * tile.width();
        if (std::isinf(bounds_[i])) bounds_[i] = initial_bound(i, row, tile, upper);
        visit_row(i, row, tile);
      }
    });
  }

  /// The k-th smallest upper bound; infinity if the tile has too few points.
  float initial_bound(int64_t i, const float* row, const PairTile& tile, std::vector<float>& upper) const {
    upper.clear();
    for (int64_t j = tile.column_begin; j < tile.column_end; ++j)
      if (!itself(i, j)) upper.push_back(screen_.upper(rows_.above[i], columns_.above[j], row[j - tile.column_begin]));
    const auto k = found_.neighbours;
    if (std::ssize(upper) < k) return std::numeric_limits<float>::infinity();
    std::nth_element(upper.begin(), upper.begin() + k - 1, upper.end());
    return upper[k - 1];
  }

  /// Adds the distances between two disjoint ranges of one set, first for the rows, then for the columns. Only one
  /// thread writes to a point.
  void visit_both(const PairTile& tile) {
    const auto products = this->products(tile);
    const auto* product = products.const_data_ptr<float>();
    at::parallel_for(tile.row_begin, tile.row_end, 8, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) visit_row(i, product + (i - tile.row_begin) * tile.width(), tile);
    });
    const int64_t chunks = (tile.width() + screen_chunk - 1) / screen_chunk;
    at::parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
      const int64_t begin = tile.column_begin + first * screen_chunk;
      const int64_t end = std::min(tile.column_end, tile.column_begin + last * screen_chunk);
      for (int64_t i = tile.row_begin; i < tile.row_end; ++i) {
        const auto* row = product + (i - tile.row_begin) * tile.width() + (begin - tile.column_begin);
        const ScreenedRow part{row, &columns_.below[begin], &bounds_[begin], rows_.below[i], none};
        visit_within(screen_, part, end - begin, [&](int64_t j) { offer(begin + j, i); });
      }
    });
  }

  /// Visits every point of the tile's columns that can be within the bound of i.
  void visit_row(int64_t i, const float* products, const PairTile& tile) {
    for (int64_t start = tile.column_begin; start < tile.column_end; start += screen_chunk) {
      const ScreenedRow part{products + (start - tile.column_begin), &columns_.below[start], &no_limits_[start],
                             rows_.below[i], bounds_[i]};  // the bound decreases from chunk to chunk
      visit_within(screen_, part, std::min(tile.column_end - start, screen_chunk), [&](int64_t j) {
        if (!itself(i, start + j)) offer(i, start + j);
      });
    }
  }

  void offer(int64_t i, int64_t other) {
    const double distance = squared_distance(rows_, i, columns_, other);
    double* best = &found_.squared[i * found_.neighbours];
    int64_t* index = &found_.index[i * found_.neighbours];
    const auto before = [&](int64_t place) {
      return best[place] < distance || (best[place] == distance && index[place] < other);
    };
    int64_t place = found_.neighbours - 1;
    if (before(place)) return;
    for (; place > 0 && !before(place - 1); --place) {
      best[place] = best[place - 1];
      index[place] = index[place - 1];
    }
    best[place] = distance;
    index[place] = other;
    bounds_[i] = std::min(bounds_[i], screen_.ceiling(best[found_.neighbours - 1]));
  }

  const Screen& screen_;
  const int64_t from_, to_;
  const ScreenedPoints &rows_, &columns_;
  Nearest found_;              // the exact distances so far
  std::vector<float> bounds_;  // of each row: at least k other points are within the bound
  std::vector<float> no_limits_;
};

}  // namespace

Nearest nearest_within(const Screen& screen, int64_t set, int64_t neighbours) {
  FQGAN_CHECK(screen.sets[set].count() > neighbours, "too few points for the nearest neighbours");
  return NearestSearch(screen, set, set, neighbours).within();
}

Nearest nearest_between(const Screen& screen, int64_t from, int64_t to, int64_t neighbours) {
  FQGAN_CHECK(screen.sets[to].count() >= neighbours, "too few points for the nearest neighbours");
  return NearestSearch(screen, from, to, neighbours).between();
}

std::vector<at::Tensor> as_points(const std::vector<at::Tensor>& sets) {
  auto type = at::kFloat;
  for (const auto& x : sets)
    if (x.scalar_type() == at::kDouble) type = at::kDouble;
  std::vector<at::Tensor> points;
  for (const auto& x : sets) points.push_back(x.detach().to(x.options().device(at::kCPU).dtype(type)).contiguous());
  return points;
}

int64_t even_tile_rows(int64_t points) {
  const int64_t tiles = (points + most_tile_rows - 1) / most_tile_rows;
  return (points + tiles - 1) / tiles;
}

}  // namespace fqgan
