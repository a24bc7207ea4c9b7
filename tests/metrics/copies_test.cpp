// How many generated images chance puts below the thresholds of real images. tests/parity/test_metrics_copying.py
// compares the distances and thresholds with NumPy.
#include "fqgan/metrics/copies.h"

#include <ATen/ATen.h>

#include <cmath>

#include "fqgan/core/streams.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(MostByChance, QuantilesOfTheBetaBinomialDistribution) {
  // scipy.stats.betabinom(images, k, real - k + 1).ppf(0.9975) with k = floor(0.01 (real - 1)) + 1
  struct Case {
    int64_t images, real, most;
  };
  for (const auto& [images, real, most] : {Case{1, 3, 1},
                                           {100, 100, 8},
                                           {1000, 100, 61},
                                           {5000, 100, 293},
                                           {1000, 300, 37},
                                           {100, 1000, 5},
                                           {1000, 1000, 26},
                                           {5000, 1000, 111},
                                           {10000, 5000, 154},
                                           {50000, 60000, 588}})
    EXPECT_EQ(most_by_chance(images, real), most) << images << " with " << real;
}

TEST(MostByChance, FalseAlarmsOfNewImages) {
  constexpr int64_t trials = 4000;
  for (const auto& [images, real] : {std::pair{100, 100}, {300, 150}, {200, 1000}}) {
    int64_t alarms = 0;
    for (int64_t trial = 0; trial < trials; ++trial) {
      Streams random(7, Counters{.iteration = trial});
      const auto threshold = std::get<0>(random.uniform({real}, "real").sort())[(real - 1) / 100];
      const auto below = (random.uniform({images}, "images") < threshold).sum().item<int64_t>();
      alarms += below > most_by_chance(images, real);
    }
    const auto rate = static_cast<double>(alarms) / trials;
    EXPECT_LT(rate, 0.0025 + 3 * std::sqrt(0.0025 / trials)) << images << " with " << real;
  }
}

}  // namespace
}  // namespace fqgan::test
