#include "fqgan/data/images/filter_spans.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fqgan {
namespace {

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

}  // namespace

std::vector<FilterSpan> filter_spans(int64_t from, int64_t to, ResizeFilter filter) {
  const auto function = filter == ResizeFilter::bicubic ? bicubic : lanczos;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double widening = std::max(scale, 1.0);  // antialiasing: the filter covers the input of one output pixel
  const double support = (filter == ResizeFilter::bicubic ? 2.0 : 3.0) * widening;
  std::vector<FilterSpan> spans(static_cast<size_t>(to));
  for (int64_t out = 0; out < to; ++out) {
    const double centre = (static_cast<double>(out) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
    const auto last = std::min<int64_t>(from, static_cast<int64_t>(centre + support + 0.5));
    auto& span = spans[static_cast<size_t>(out)];
    span.first = first;
    double sum = 0;
    for (int64_t in = first; in < last; ++in) {
      span.weights.push_back(function((static_cast<double>(in) - centre + 0.5) / widening));
      sum += span.weights.back();
    }
    if (sum != 0)
      for (auto& weight : span.weights) weight /= sum;
  }
  return spans;
}

}  // namespace fqgan
