// The truncation map against the quantile within the bounds, by erf and its inverse where these have digits left.
#include "fqgan/inference/truncation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace fqgan {
namespace {

TEST(TruncatedNormal, IsTheQuantileWithinTheLimitAtTheSameShare) {
  const auto z = torch::linspace(-4, 4, 801, torch::kDouble);
  const double root = std::sqrt(2.);
  for (const double limit : {0.04, 0.5, 1., 2., 4.}) {
    const auto expected = at::erfinv(at::erf(z / root) * std::erf(limit / root)) * root;
    const auto found = truncated_normal(z, torch::tensor(limit, torch::kDouble));
    EXPECT_LT((found - expected).abs().max().item<double>(), 1e-9) << limit;
    EXPECT_LE(found.abs().max().item<double>(), limit);
  }
}

TEST(TruncatedNormal, StaysFiniteAndWithinAtTheEnds) {
  const auto z = torch::tensor({0., 1e-30, -1e-9, 20., -20., 40.}, torch::kDouble);
  for (const double limit : {0., 1e-3, 0.7, 10.}) {
    const auto found = truncated_normal(z, torch::tensor(limit, torch::kDouble));
    EXPECT_TRUE(at::isfinite(found).all().item<bool>()) << limit;
    EXPECT_LE(found.abs().max().item<double>(), limit);
  }
  EXPECT_TRUE(torch::equal(truncated_normal(z, torch::tensor(10.1)), z));
}

}  // namespace
}  // namespace fqgan
