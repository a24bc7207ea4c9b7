#include "fqgan/plot/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "fqgan/core/text.h"

namespace fqgan {

double Axis::scale(double v) const { return logarithmic ? std::log10(v) : v; }

bool Axis::shows(double v) const { return std::isfinite(v) && (!logarithmic || v > 0); }

double Axis::pixel(double v) const {
  const double part = (scale(v) - scale(low)) / (scale(high) - scale(low));
  return static_cast<double>(begin) + part * static_cast<double>(end - begin);
}

std::vector<double> linear_ticks(double low, double high, int64_t wanted) {
  const double rough = (high - low) / static_cast<double>(wanted);
  const double power = std::pow(10., std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5., 2., 1.})
    if (factor * power >= rough) step = factor * power;
  std::vector<double> ticks;
  const auto first = static_cast<int64_t>(std::ceil(low / step - 1e-9));
  const auto last = static_cast<int64_t>(std::floor(high / step + 1e-9));
  for (int64_t i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::vector<double> logarithmic_ticks(double low, double high) {
  const auto within = [&](std::initializer_list<double> factors) {
    std::vector<double> ticks;
    for (double power = std::floor(std::log10(low)); power <= std::ceil(std::log10(high)); ++power)
      for (const double factor : factors) {
        const double tick = factor * std::pow(10., power);
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push_back(tick);
      }
    return ticks;
  };
  const auto powers = within({1});
  if (powers.size() >= 3) return powers;
  const auto more = within({1, 2, 5});
  return more.size() >= 2 ? more : std::vector<double>{low, high};
}

Axis axis_over(const std::vector<double>& values, bool logarithmic, double room) {
  Axis axis;
  axis.logarithmic = logarithmic;
  if (values.empty()) {
    if (logarithmic) axis.low = 0.1;
    return axis;
  }
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  axis.low = *least;
  axis.high = *most;
  if (logarithmic) {
    const double factor = std::max(std::pow(axis.high / axis.low, room), axis.high > axis.low ? 1. : 2.);
    axis.low /= factor;
    axis.high *= factor;
  } else {
    const double spread = axis.high - axis.low;
    const double smallest = std::max(std::abs(axis.high), 1.) * 1e-9;  // below, numbers on the axis would be equal
    const double added = spread > smallest ? room * spread : std::max(std::abs(axis.high) * 0.1, 0.5);
    const bool from_zero = axis.low >= 0 && axis.low < added;
    axis.low = from_zero ? 0 : axis.low - added;
    axis.high += added;
  }
  return axis;
}

std::string number_text(double value) { return significant(std::abs(value) < 1e-300 ? 0. : value, 6); }

}  // namespace fqgan
