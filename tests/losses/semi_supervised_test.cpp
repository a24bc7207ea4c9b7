// Feature matching and the semi-supervised game against their formulas, and against a softmax over K + 1 classes.
#include "fqgan/losses/semi_supervised.h"

#include <torch/torch.h>

#include "fqgan/core/error.h"
#include "fqgan/losses/feature_matching.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(SemiSupervised, LossesAndGradientsEqualTheSoftmaxOverOneClassMore) {
  const auto real = leaf({5, 4}), fake = leaf({7, 4}), labelled = leaf({3, 4});
  const auto labels = torch::tensor({2, 0, 3});
  const auto ours = supervised_loss(labelled, labels) + unsupervised_loss(real, fake);
  const auto found = torch::autograd::grad({ours}, {real, fake, labelled});
  // Class K + 1 with logit 0 is "generated".
  const auto widened = [](const torch::Tensor& l) {
    return at::log_softmax(at::cat({l, torch::zeros({l.size(0), 1}, torch::kDouble)}, 1), 1);
  };
  const auto p_real = widened(real).exp().narrow(1, 0, 4).sum(1), p_fake = widened(fake).exp().select(1, 4);
  const auto conditional = widened(labelled).narrow(1, 0, 4);  // given that the image is real
  const auto supervised = -(conditional - at::logsumexp(conditional, 1, true)).gather(1, labels.unsqueeze(1)).mean();
  const auto plain = supervised - 0.5 * p_real.log().mean() - 0.5 * p_fake.log().mean();
  EXPECT_NEAR(ours.item<double>(), plain.item<double>(), 1e-12);
  const auto expected = torch::autograd::grad({plain}, {real, fake, labelled});
  for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::allclose(found[i], expected[i], 1e-10, 1e-12)) << i;
}

TEST(SemiSupervised, StaysFiniteForLargeLogits) {
  for (const double size : {-1e4, 1e4}) {
    const auto logits = torch::full({2, 3}, size);
    EXPECT_TRUE(at::isfinite(unsupervised_loss(logits, logits)).item<bool>());
    EXPECT_TRUE(at::isfinite(semi_supervised_generator_loss(logits)).item<bool>());
  }
}

TEST(SemiSupervised, HasRightGradients) {
  const auto labels = torch::tensor({1, 0});
  expect_gradients([&](const auto& x) { return supervised_loss(x[0], labels); }, {leaf({2, 3})});
  expect_gradients([](const auto& x) { return unsupervised_loss(x[0], x[1]); }, {leaf({2, 3}), leaf({4, 3})});
  expect_gradients([](const auto& x) { return semi_supervised_generator_loss(x[0]); }, {leaf({4, 3})});
}

TEST(FeatureMatching, IsTheFormula) {
  const auto real = torch::tensor({{1., 2.}, {3., 6.}}), fake = torch::tensor({{0., 1.}, {2., 1.}, {1., 1.}});
  EXPECT_NEAR(feature_matching(real, fake, "squared").item<double>(), (1 + 9) / 2., 1e-6);
  EXPECT_NEAR(feature_matching(real, fake, "l1").item<double>(), (1 + 3) / 2., 1e-6);
}

TEST(FeatureMatching, HasRightGradientsAndNoneOfTheRealFeatures) {
  const auto real = leaf({4, 3, 2});
  for (const auto& distance : feature_distances())
    expect_gradients([&](const auto& x) { return feature_matching(real.detach(), x[0], distance); }, {leaf({5, 3, 2})});
  const auto loss = feature_matching(real, leaf({5, 3, 2}), "squared");
  loss.backward();
  EXPECT_FALSE(real.grad().defined());
}

TEST(FeatureMatching, RefusesWhatDoesNotFit) {
  const auto message = [](torch::IntArrayRef real, torch::IntArrayRef fake, const std::string& distance) {
    return message_of<UserError>([&] { feature_matching(torch::zeros(real), torch::zeros(fake), distance); });
  };
  expect_names(message({2, 3}, {2, 4}, "l1"), {"feature_matching", "[2, 3]", "[2, 4]"});
  expect_names(message({2, 3}, {2, 3}, "l3"), {"'l1'", "'l3'"});
}

}  // namespace
}  // namespace fqgan::test
