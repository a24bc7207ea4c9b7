#include "fqgan/losses/adversarial.h"

#include <torch/torch.h>

#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/losses/gradient_penalty.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

struct Logits {
  torch::Tensor real = torch::tensor({2.0, 0.5, -1.0}), fake = torch::tensor({-2.0, -0.5, 1.0});
};

double discriminator(const char* name) {
  Logits x;
  return adversarial_loss(name).discriminator(x.real, x.fake).item<double>();
}
double generator(const char* name) { return adversarial_loss(name).generator(Logits().fake).item<double>(); }
double softplus(double x) { return std::log1p(std::exp(x)); }

TEST(AdversarialLosses, AreTheFormulas) {
  EXPECT_NEAR(discriminator("hinge"), (0 + 0.5 + 2) / 3. + (0 + 0.5 + 2) / 3., 1e-6);
  EXPECT_NEAR(generator("hinge"), 0.5, 1e-6);
  const double expected = (softplus(-2) + softplus(-0.5) + softplus(1)) / 3;
  EXPECT_NEAR(discriminator("non_saturating"), 2 * expected, 1e-6);
  EXPECT_NEAR(generator("non_saturating"), (softplus(2) + softplus(0.5) + softplus(-1)) / 3, 1e-6);
  EXPECT_NEAR(discriminator("lsgan"), (1 + 0.25 + 4) / 3. + (4 + 0.25 + 1) / 3., 1e-6);
  EXPECT_NEAR(generator("lsgan"), (9 + 2.25 + 0) / 3., 1e-6);
  EXPECT_NEAR(discriminator("wasserstein"), -0.5 - 0.5, 1e-6);
  EXPECT_NEAR(generator("wasserstein"), 0.5, 1e-6);
}

TEST(AdversarialLosses, HaveRightGradients) {
  for (const auto& name : adversarial_loss_names()) {
    const auto& loss = adversarial_loss(name);
    expect_gradients([&](const auto& in) { return loss.discriminator(in[0], in[1]); }, {leaf({6}, 1), leaf({6}, 2)});
    expect_gradients([&](const auto& in) { return loss.generator(in[0]); }, {leaf({6}, 2)});
  }
}

TEST(AdversarialLosses, UnknownNameIsAnError) {
  expect_error<UserError>([] { adversarial_loss("hing"); }, {"hing"});
}

TEST(GradientPenalty, OfALinearCriticIsItsLength) {
  const auto w = leaf({3, 2, 2}).detach();
  const auto x = between(leaf({4, 3, 2, 2}, 1).detach(), leaf({4, 3, 2, 2}, 2).detach(), torch::rand({4}));
  const auto length = w.norm().item<double>();
  EXPECT_NEAR(gradient_penalty((x * w).sum({1, 2, 3}), x).item<double>(), (length - 1) * (length - 1), 1e-9);
}

TEST(GradientPenalty, HasGradientsForTheCritic) {
  const auto real = leaf({2, 1, 2, 2}, 1).detach(), fake = leaf({2, 1, 2, 2}, 2).detach();
  const auto fraction = torch::tensor({0.25, 0.75}, torch::kDouble);
  const auto x = between(real, fake, fraction);
  EXPECT_LT((x[0] - (0.25 * real[0] + 0.75 * fake[0])).abs().max().item<double>(), 1e-12);
  expect_gradients(
      [&](const auto& in) {
        return gradient_penalty((x * in[0]).pow(3).sum({1, 2, 3}), x);
      },
      {leaf({1, 2, 2}, 3)});
}

}  // namespace
}  // namespace fqgan::test
