// Gaussian noise by counters: its moments and tails, the same bits everywhere, the identity as gradient.
#include "fqgan/ops/gaussian_noise.h"

#include <torch/torch.h>

#include <array>
#include <cmath>

#include "fqgan/core/streams.h"
#include "ops/kernel_sets.h"

namespace fqgan::test {
namespace {

constexpr int64_t many = 4'000'000;

at::Tensor noise(uint64_t key, int64_t count = many) {
  return ops::add_gaussian_noise(at::zeros({count}), key, 1).to(at::kDouble);
}

/// Counter `counter` of Philox 4x32-10 (Salmon et al. 2011, section 4.1).
std::array<uint32_t, 4> philox(uint64_t key, uint64_t counter) {
  std::array<uint32_t, 4> x{static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0};
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
    const uint64_t a = uint64_t{0xD2511F53} * x[0], b = uint64_t{0xCD9E8D57} * x[2];
    x = {static_cast<uint32_t>(b >> 32) ^ x[1] ^ k0, static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ x[3] ^ k1, static_cast<uint32_t>(a)};
  }
  return x;
}

/// Element `i` of the noise in double: of 64 elements, 16 counters give four each, by Box and Muller's transform.
double expected_noise(uint64_t key, int64_t i) {
  const auto part = i % 64 / 16;
  const auto bits = philox(key, static_cast<uint64_t>(i / 64 * 16 + i % 16));
  const double u = ((bits[part / 2 * 2] >> 8) + 0.5) * 0x1p-24;
  const double angle = 2 * M_PI * bits[part / 2 * 2 + 1] * 0x1p-32, radius = std::sqrt(-2 * std::log(u));
  return radius * (part % 2 ? std::sin(angle) : std::cos(angle));
}

TEST(GaussianNoise, IsPhiloxThroughBoxAndMullerOnEveryInstructionSet) {
  constexpr uint64_t key = 0x123456789abcdef;
  const auto x = Streams(3, {}).normal({1003}, "x");
  on_every_instruction_set([&] {
    const auto y = ops::add_gaussian_noise(x, key, 0.3), rounded = ops::add_gaussian_noise(x.to(at::kBFloat16), key, 4);
    for (int64_t i = 0; i < x.size(0); ++i) {
      const double n = expected_noise(key, i);
      EXPECT_NEAR(y[i].item<float>(), x[i].item<float>() + 0.3 * n, 3e-6) << i;
      EXPECT_NEAR(rounded[i].item<float>(), x[i].item<float>() + 4 * n, 0.01 * std::abs(4 * n) + 0.02) << i;
    }
  });
}

TEST(GaussianNoise, HasTheMomentsAndTailsOfANormalDistribution) {
  const auto n = noise(17);
  const double stddev = 1 / std::sqrt(static_cast<double>(many));  // of a mean
  EXPECT_NEAR(n.mean().item<double>(), 0, 4 * stddev);
  EXPECT_NEAR(n.square().mean().item<double>(), 1, 4 * std::sqrt(2.) * stddev);
  EXPECT_NEAR(n.pow(3).mean().item<double>(), 0, 4 * std::sqrt(15.) * stddev);
  EXPECT_NEAR(n.pow(4).mean().item<double>(), 3, 4 * std::sqrt(96.) * stddev);
  for (const double x : {-3.5, -2., -0.5, 0.1, 1., 2.5, 4.}) {
    const double below = 0.5 * std::erfc(-x / std::sqrt(2.));
    EXPECT_NEAR(n.lt(x).to(at::kDouble).mean().item<double>(), below, 4.5 * std::sqrt(below * (1 - below)) * stddev)
        << x;
  }
}

TEST(GaussianNoise, OfNeighboursAndOfOtherKeysIsIndependent) {
  const auto n = noise(17), other = noise(18);
  const double bound = 4.5 / std::sqrt(static_cast<double>(many));
  for (const int64_t lag : {1, 15, 16, 17, 32, 48, 64})
    EXPECT_NEAR((n.narrow(0, lag, many - lag) * n.narrow(0, 0, many - lag)).mean().item<double>(), 0, bound) << lag;
  EXPECT_NEAR((n * other).mean().item<double>(), 0, bound);
}

TEST(GaussianNoise, HasTheSameBitsEverywhere) {
  const auto x = at::arange(1003, at::kFloat).reshape({17, 59});
  std::vector<at::Tensor> first;
  on_every_instruction_set([&] {
    const std::vector<at::Tensor> found{ops::add_gaussian_noise(x, 5, 0.3),
                                        ops::add_gaussian_noise(x.to(at::kBFloat16), 5, 0.3)};
    if (first.empty()) first = found;
    for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::equal(found[i], first[i])) << i;
    expect_same_bits_for_any_threads([&] { return std::vector<at::Tensor>{ops::add_gaussian_noise(x, 5, 0.3)}; });
  });
  EXPECT_TRUE(at::allclose(ops::add_gaussian_noise(x.to(at::kDouble), 5, 0.3), first[0].to(at::kDouble), 1e-6, 1e-4));
  EXPECT_TRUE(at::equal(ops::add_gaussian_noise(x.t().contiguous().t(), 5, 0.3), first[0]));  // in logical order
}

TEST(GaussianNoise, PassesGradientsThrough) {
  const auto x = at::randn({3, 5}).requires_grad_();
  const auto weight = at::randn({3, 5});
  (ops::add_gaussian_noise(x, 3, 0.5) * weight).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), weight));
}

}  // namespace
}  // namespace fqgan::test
