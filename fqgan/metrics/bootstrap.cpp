#include "fqgan/metrics/bootstrap.h"

#include <cmath>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {

double bootstrap_std(int64_t resamples, int64_t images_a, int64_t images_b, const ValueOfResample& value) {
  if (resamples < 2) fail("bootstrap", "expected at least 2 resamples, got " + std::to_string(resamples));
  std::vector<double> values;
  for (int64_t r = 0; r < resamples; ++r) {
    Streams random(0, Counters{.iteration = r});
    const auto rows_a = random.integers(images_a, {images_a}, "bootstrap.a");
    values.push_back(value(rows_a, random.integers(images_b, {images_b}, "bootstrap.b")));
  }
  return sample_std(values);
}

}  // namespace fqgan
