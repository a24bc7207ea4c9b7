// The axes of a plot: range, position of a value in pixels, ticks at round numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fqgan {

/// An axis: data from `low` to `high` along pixels from `begin` to `end`.
struct Axis {
  double low = 0, high = 1;
  int64_t begin = 0, end = 0;
  bool logarithmic = false;
  std::vector<double> ticks;

  double scale(double v) const;
  bool shows(double v) const;  // v is finite, and positive if the axis is logarithmic
  double pixel(double v) const;
};

/// An axis with the range of all `values` that it shows, enlarged by the fraction `room`; without ticks and pixels. A
/// single value gets a range around it; without values the range is 0 to 1, or 0.1 to 1.
Axis axis_over(const std::vector<double>& values, bool logarithmic, double room);

/// Multiples of 1, 2 or 5 times a power of ten, about `wanted` of them.
std::vector<double> linear_ticks(double low, double high, int64_t wanted);

/// Powers of ten; if fewer than three fit, also twice and five times these.
std::vector<double> logarithmic_ticks(double low, double high);

/// The text of a tick: "0.05", "2000", "1e+06".
std::string number_text(double value);

}  // namespace fqgan
