#include "fqgan/inference/grid_plan.h"

#include <algorithm>
#include <cmath>

#include "fqgan/core/text.h"

namespace fqgan {
namespace {

constexpr int64_t class_columns = 10, side = 8;

/// The number of cells in `pixels`; the last one may stand out by a quarter.
int64_t fitting(int64_t pixels, int64_t cell) { return std::max<int64_t>(1, (pixels + cell / 4) / cell); }

/// `count` of `total` indices, evenly spaced from 0 on.
std::vector<int64_t> evenly(int64_t count, int64_t total) {
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) chosen.push_back(i * total / count);
  return chosen;
}

/// One row or more for each class: `shares` images each, in rows of grid.columns.
void add_rows(GridPlan& plan, const std::vector<int64_t>& classes, const std::vector<int64_t>& shares,
              const std::vector<std::string>& names) {
  for (size_t i = 0; i < classes.size(); ++i) {
    plan.labels.insert(plan.labels.end(), static_cast<size_t>(shares[i]), classes[i]);
    for (int64_t done = 0; done < shares[i]; done += plan.grid.columns) {
      plan.grid.row_labels.push_back(done ? "" : names.at(static_cast<size_t>(classes[i])));
      plan.grid.row_lengths.push_back(std::min(plan.grid.columns, shares[i] - done));
    }
  }
  plan.count = static_cast<int64_t>(plan.labels.size());
}

std::string left_out(const std::vector<int64_t>& shown, const DataInfo& data) {
  const auto name = [&](int64_t k) { return "'" + data.class_names.at(static_cast<size_t>(k)) + "'"; };
  const auto rest = data.classes - static_cast<int64_t>(shown.size());
  return "the grid shows " + std::to_string(shown.size()) + " of " + std::to_string(data.classes) +
         " classes, evenly chosen from " + name(shown.front()) + " to " + name(shown.back()) + "; " +
         plural(rest, "class") + (rest == 1 ? " is" : " are") + " left out";
}

}  // namespace

GridPlan plan_grid(const DataInfo& data, const GridRequest& request) {
  GridPlan plan;
  const auto cell = cell_size(data.height, data.width, plan.grid);
  const auto wide = fitting(grid_extent - widest_label, cell.width), high = fitting(grid_extent, cell.height);
  auto classes = request.classes;
  if (!data.classes || (request.count && classes.empty())) {
    plan.grid.columns = request.columns.value_or(request.count ? 0 : std::min(side, wide));
    plan.count = request.count.value_or(plan.grid.columns * std::min(side, high));
    return plan;
  }
  if (classes.empty()) classes = evenly(std::min(data.classes, high), data.classes);
  if (request.classes.empty() && std::ssize(classes) < data.classes) plan.left_out = left_out(classes, data);
  const auto rows = std::ssize(classes);
  std::vector<int64_t> shares(classes.size(), request.columns.value_or(std::min(class_columns, wide)));
  if (request.count)
    for (int64_t i = 0; i < rows; ++i) shares[static_cast<size_t>(i)] = (*request.count + rows - 1 - i) / rows;
  const auto square = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(request.count.value_or(1)))));
  plan.grid.columns = request.columns.value_or(std::min(shares.front(), std::max(class_columns, square)));
  add_rows(plan, classes, shares, data.class_names);
  return plan;
}

}  // namespace fqgan
