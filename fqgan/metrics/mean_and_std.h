// A metric over subsets or splits, as KID and the inception score report it, and over repetitions.
#pragma once

#include <vector>

namespace fqgan {

struct MeanAndStd {
  double mean = 0;
  double stddev = 0;  // ddof 0
};

MeanAndStd mean_and_std(const std::vector<double>& values);

/// The standard deviation with ddof 1, of at least two values: the estimate for the distribution that they are drawn
/// from.
double sample_std(const std::vector<double>& values);

}  // namespace fqgan
