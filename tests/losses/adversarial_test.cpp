#include "fqgan/losses/adversarial.h"

#include <torch/torch.h>

#include "fqgan/core/error.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(Hinge, IsTheFormula) {
  const auto& loss = adversarial_loss("hinge");
  const auto real = torch::tensor({2.0, 0.5, -1.0}), fake = torch::tensor({-2.0, -0.5, 1.0});
  EXPECT_NEAR(loss.discriminator(real, fake).item<double>(), (0 + 0.5 + 2) / 3. + (0 + 0.5 + 2) / 3., 1e-6);
  EXPECT_NEAR(loss.generator(fake).item<double>(), 0.5, 1e-6);
}

TEST(AdversarialLosses, HaveRightGradients) {
  for (const auto& name : adversarial_loss_names()) {
    const auto& loss = adversarial_loss(name);
    expect_gradients([&](const auto& in) { return loss.discriminator(in[0], in[1]); }, {leaf({6}, 1), leaf({6}, 2)});
    expect_gradients([&](const auto& in) { return loss.generator(in[0]); }, {leaf({6}, 2)});
  }
}

TEST(AdversarialLosses, UnknownNameIsAnError) {
  EXPECT_CONTAINS(message_of<UserError>([] { adversarial_loss("hing"); }), "hing");
}

}  // namespace
}  // namespace fqgan::test
