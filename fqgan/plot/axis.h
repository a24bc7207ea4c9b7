// The axes of a picture of curves: range, place of a value in pixels, ticks at round numbers.
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
  bool shows(double v) const;  // finite, and positive where the axis is logarithmic
  double pixel(double v) const;
};

/// The range of all `values` (that the axis shows) and a little more, `room` being a fraction of it; around a single
/// value, some range. Without ticks and pixels. No values: 0 to 1, or 0.1 to 1.
Axis axis_over(const std::vector<double>& values, bool logarithmic, double room);

/// Multiples of 1, 2 or 5 times a power of ten, about `wanted` of them.
std::vector<double> linear_ticks(double low, double high, int64_t wanted);

/// Powers of ten; where fewer than three fit, also twice and five times these.
std::vector<double> logarithmic_ticks(double low, double high);

/// As on an axis: "0.05", "2000", "1e+06".
std::string number_text(double value);

}  // namespace fqgan
