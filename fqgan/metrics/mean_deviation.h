// A figure over subsets or splits, as KID and the inception score report it.
#pragma once

#include <vector>

namespace fqgan {

struct MeanDeviation {
  double mean = 0;
  double deviation = 0;  // ddof 0
};

MeanDeviation mean_deviation(const std::vector<double>& values);

}  // namespace fqgan
