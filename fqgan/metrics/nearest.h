// The nearest points of a set to each point, exact in float64. The screen (fqgan/metrics/screen.h) leaves out most
// pairs, so that only few distances are computed. Equal distances are ordered by index, so that the result is the same
// for any number of threads and any processor.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "fqgan/metrics/screen.h"

namespace fqgan {

/// The k nearest points of each of N points, nearest first.
struct Nearest {
  int64_t neighbours = 0;       // k
  std::vector<double> squared;  // N x k squared distances
  std::vector<int64_t> index;   // N x k
  int64_t count() const { return static_cast<int64_t>(squared.size()) / neighbours; }
  double squared_at(int64_t i, int64_t place) const { return squared[i * neighbours + place]; }
  int64_t index_at(int64_t i, int64_t place) const { return index[i * neighbours + place]; }
};

/// Within a set of a screen: a point itself does not count, an equal point counts. Needs more than k points.
Nearest nearest_within(const Screen& screen, int64_t set, int64_t neighbours);
/// Of the points of set `from` in the set `to`. Needs at least k points in `to`.
Nearest nearest_between(const Screen& screen, int64_t from, int64_t to, int64_t neighbours);

/// The sets as the screen takes them: float64 if any of them is float64, else float32, which can hold bfloat16 and
/// float16; contiguous, on the CPU.
std::vector<at::Tensor> as_points(const std::vector<at::Tensor>& sets);

/// Rows of a tile of pairs: the points are divided evenly, so that every tile is large enough for an initial bound.
int64_t even_tile_rows(int64_t points);

}  // namespace fqgan
