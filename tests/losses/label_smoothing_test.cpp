// Label smoothing: the formula, its gradients, and the optimum of D that the paper states.
#include "fqgan/losses/label_smoothing.h"

#include <torch/torch.h>

#include "fqgan/losses/adversarial.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(LabelSmoothing, IsTheCrossEntropyAgainstItsTargets) {
  const auto real = leaf({6}, 1) * 3, fake = leaf({4}, 2) * 3;
  const auto found = cross_entropy(real, fake, {0.9, 0.2});
  const auto expected = at::binary_cross_entropy_with_logits(real, torch::full({6}, 0.9, torch::kDouble)) +
                        at::binary_cross_entropy_with_logits(fake, torch::full({4}, 0.2, torch::kDouble));
  EXPECT_NEAR(found.item<double>(), expected.item<double>(), 1e-12);
  expect_gradients([](const auto& x) { return cross_entropy(x[0], x[1], {0.9, 0.2}); }, {leaf({6}, 1), leaf({4}, 2)});
}

TEST(LabelSmoothing, WithoutItIsTheNonSaturatingLoss) {
  const auto real = leaf({6}, 1), fake = leaf({4}, 2);
  EXPECT_TRUE(at::equal(cross_entropy(real, fake, {}), adversarial_loss("non_saturating").discriminator(real, fake)));
}

TEST(LabelSmoothing, StaysFiniteForLargeLogits) {
  for (const double size : {-1e4, 1e4})
    EXPECT_TRUE(at::isfinite(cross_entropy(torch::full({2}, size), torch::full({2}, size), {0.9, 0.1})).item<bool>());
}

/// Section 3.4: with targets alpha and beta the best D(x) is (alpha p_data + beta p_model) / (p_data + p_model). Five
/// places x, both distributions given as counts of examples; D is a logit a place, trained to the optimum.
TEST(LabelSmoothing, HasThePapersOptimum) {
  const std::vector<int64_t> data = {8, 4, 2, 1, 1}, model = {1, 1, 2, 4, 8};  // 16 examples each
  const auto places = [](const std::vector<int64_t>& counts) { return at::repeat_interleave(torch::tensor(counts)); };
  const auto p_data = torch::tensor(data).to(torch::kDouble) / 16,
             p_model = torch::tensor(model).to(torch::kDouble) / 16;
  for (const LabelTargets targets : {LabelTargets{0.9, 0}, LabelTargets{0.9, 0.1}, LabelTargets{1, 0}}) {
    auto logits = torch::zeros({5}, torch::TensorOptions(torch::kDouble).requires_grad(true));
    torch::optim::LBFGS optimizer({logits}, torch::optim::LBFGSOptions(1).max_iter(200).tolerance_grad(1e-12));
    optimizer.step([&] {
      optimizer.zero_grad();
      auto loss = cross_entropy(logits.index({places(data)}), logits.index({places(model)}), targets);
      loss.backward();
      return loss;
    });
    const auto best = (targets.real * p_data + targets.fake * p_model) / (p_data + p_model);
    EXPECT_TRUE(at::allclose(at::sigmoid(logits), best, 1e-4, 1e-5)) << targets.real << " " << targets.fake;
  }
}

}  // namespace
}  // namespace fqgan::test
