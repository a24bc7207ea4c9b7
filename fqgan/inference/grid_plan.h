// What a grid of generated images shows: with classes a block of rows for each class, else a square. A grid is kept to
// a size that a person can look at, unless the caller asks for more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/plot/grid.h"

namespace fqgan {

/// A grid that nobody asked to be larger is at most this high and wide, in pixels.
constexpr int64_t grid_extent = 2000;

struct GridRequest {
  std::vector<int64_t> classes = {};                // to show; empty: all, or evenly chosen ones if there are too many
  std::optional<int64_t> count = {}, columns = {};  // unset: ten columns and one row per class, or 8 x 8, or what fits
};

struct GridPlan {
  int64_t count = 0;            // number of images
  std::vector<int64_t> labels;  // their classes; empty: drawn at random
  GridOptions grid;
  std::string left_out;  // a sentence about the classes that are not shown; empty: all are
};

GridPlan plan_grid(const DataInfo& data, const GridRequest& request);

}  // namespace fqgan
