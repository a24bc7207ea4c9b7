#include "fqgan/metrics/mean_and_std.h"

#include <cmath>

namespace fqgan {

MeanAndStd mean_and_std(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  MeanAndStd result;
  for (const double value : values) result.mean += value / count;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.stddev = std::sqrt(squares / count);
  return result;
}

double sample_std(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  return mean_and_std(values).stddev * std::sqrt(count / (count - 1));
}

}  // namespace fqgan
