#include "fqgan/metrics/mean_deviation.h"

#include <cmath>

namespace fqgan {

MeanDeviation mean_deviation(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  MeanDeviation result;
  for (const double value : values) result.mean += value / count;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(squares / count);
  return result;
}

}  // namespace fqgan
