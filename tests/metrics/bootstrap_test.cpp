// The bootstrap against standard deviations that are known, or over new images.
#include "fqgan/metrics/bootstrap.h"

#include <torch/torch.h>

#include <cmath>

#include "fqgan/core/streams.h"
#include "fqgan/metrics/kernel_distance.h"
#include "fqgan/metrics/mean_and_std.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(Bootstrap, FindsTheStandardErrorOfAMean) {
  const auto x = Streams(2, {}).normal({1000}, "x").to(torch::kDouble);
  const auto stddev = bootstrap_std(400, 1000, 1, [&](const at::Tensor& rows, const at::Tensor&) {
    return x.index_select(0, rows).mean().item<double>();
  });
  EXPECT_NEAR(stddev / (x.std().item<double>() / std::sqrt(1000.)), 1, 0.15);
}

TEST(Bootstrap, FindsTheStandardDeviationOfKidOverNewImages) {
  const auto rows = [](int64_t seed, const char* side) {
    return Streams(seed, {}).normal({150, 4}, side).to(torch::kDouble) + (side[0] == 'a' ? 1. : 0.);
  };
  KernelDistanceOptions options;
  options.subsets = 30;
  options.subset_size = 80;
  std::vector<double> of_new_images, bootstrapped;
  for (int64_t seed = 0; seed < 100; ++seed) {
    const auto a = rows(seed, "a"), b = rows(seed, "b");
    of_new_images.push_back(kernel_distance(a, b, options).mean);
    if (seed < 10)
      bootstrapped.push_back(bootstrap_std_of_counts(100, 150, 150, [&](const auto& counts_a, const auto& counts_b) {
        return kernel_distances_of_counts(a, b, options, counts_a, counts_b);
      }));
  }
  EXPECT_NEAR(mean_and_std(bootstrapped).mean / sample_std(of_new_images), 1, 0.25);
}

}  // namespace
}  // namespace fqgan::test
