// Plots curves: named lines over numbered axes, with a band of one standard deviation around each.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

struct Curve {
  std::string name;            // in the legend; all names empty: no legend
  std::vector<double> x, y;    // the points, joined in this order
  std::vector<double> stddev;  // one per point, >= 0, drawn as a band; empty: none
};

struct PlotOptions {
  std::string title, x_label, y_label;  // empty: left out; y_label is above its axis
  int64_t width = 800, height = 500;    // pixels
  bool log_y = false;
};

/// -> uint8 3 x height x width on the CPU. Points that are not finite (with log_y: not positive) are left out and
/// interrupt the line; without any point the axes go from 0 to 1. A curve's colour depends on its position in the list.
/// Errors: UserError for a picture that is too small for its axes (below 200 x 150 pixels).
at::Tensor draw_curves(const std::vector<Curve>& curves, const PlotOptions& options);

}  // namespace fqgan
