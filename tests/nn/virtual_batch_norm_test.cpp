// Virtual batch normalization: its formula, gradients, independence of the other examples, and stored moments.
#include "fqgan/nn/virtual_batch_norm.h"

#include "fqgan/nn/batch_norm.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

constexpr int64_t reference = 5, map_channels = 3;

BatchNorm virtual_layer() {
  Streams random(3, {});
  Condition condition;
  condition.reference = reference;
  BatchNorm layer(map_channels, condition, random);
  layer->to(torch::kDouble);
  return layer;
}

torch::Tensor trained(BatchNorm layer, const torch::Tensor& x) {
  Streams random(1, {});
  Pass pass(random);
  pass.compute = torch::kDouble;
  pass.training = pass.update_state = true;
  pass.segments = {{Role::reference, reference}, {Role::fake, x.size(0) - reference}};
  return layer->forward(x, {}, pass);
}

/// E x and E x^2 of an example are means over itself and the reference, each image once.
TEST(VirtualBatchNorm, IsThePapersFormula) {
  auto layer = virtual_layer();
  torch::NoGradGuard no_grad;
  layer->gain.copy_(torch::tensor({1., 2., -1.}));
  layer->bias.copy_(torch::tensor({0.5, 0., 3.}));
  const auto x = leaf({reference + 2, map_channels, 2, 4}).detach() * 3 + 7;
  const auto y = trained(layer, x);
  for (int64_t i = reference; i < x.size(0); ++i) {
    const auto images = at::cat({x.narrow(0, 0, reference), x.narrow(0, i, 1)});
    const auto expected = at::batch_norm(images, layer->gain, layer->bias, {}, {}, true, 0.1, layer->epsilon, false);
    EXPECT_TRUE(at::allclose(y[i], expected[reference], 1e-9, 1e-10)) << i;
  }
  const auto alone = x.narrow(0, 0, reference);
  const auto expected = at::batch_norm(alone, layer->gain, layer->bias, {}, {}, true, 0.1, layer->epsilon, false);
  EXPECT_TRUE(at::allclose(y.narrow(0, 0, reference), expected, 1e-9, 1e-10));
}

TEST(VirtualBatchNorm, DoesNotDependOnTheOthersOfTheBatch) {
  auto layer = virtual_layer();
  const auto x = leaf({reference + 1, map_channels, 2, 2}).detach();
  const auto alone = trained(layer, x)[reference];
  for (const double others : {0., 100.}) {
    const auto mates = leaf({4, map_channels, 2, 2}, 9).detach() * others;
    EXPECT_TRUE(at::equal(trained(layer, at::cat({x, mates}))[reference], alone)) << others;
  }
  auto nudged = x.clone();
  nudged[0].add_(1);  // the reference matters
  EXPECT_FALSE(at::allclose(trained(layer, nudged)[reference], alone));
}

TEST(VirtualBatchNorm, HasRightGradientsThroughTheReferenceToo) {
  auto layer = virtual_layer();
  expect_gradients([&](const auto& x) { return trained(layer, x[0]); },
                   {leaf({reference + 2, map_channels, 1, 2}), layer->gain, layer->bias}, 1e-5);
}

TEST(VirtualBatchNorm, StoredMomentsStandForTheReference) {
  auto layer = virtual_layer();
  const auto x = leaf({reference + 3, map_channels, 2, 2}).detach();
  const auto expected = trained(layer, x).narrow(0, reference, 3);
  TestPass t;
  EXPECT_TRUE(at::allclose(layer->forward(x.narrow(0, reference, 3), {}, t.pass), expected, 1e-12));
}

TEST(VirtualBatchNorm, ComputesInBfloat16ToItsPrecision) {
  auto layer = virtual_layer();
  layer->to(torch::kFloat);
  const auto x = (leaf({reference + 3, map_channels, 4, 4}).detach() + 50).to(torch::kFloat);
  const auto exact = trained(layer, x);
  const auto y = trained(layer, x.to(torch::kBFloat16).to(torch::kFloat).to(torch::kBFloat16));
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  const auto rounded = trained(layer, x.to(torch::kBFloat16).to(torch::kFloat));
  EXPECT_LT((y.to(torch::kFloat) - rounded).abs().max().item<double>(), 0.03);
  EXPECT_TRUE(at::isfinite(exact).all().item<bool>());
}

TEST(ReferenceLatents, JoinsAndTakesAwayItsRows) {
  ReferenceLatents latents(torch::ones({2, 3}), torch::tensor({0, 1}));
  TestPass t;
  const auto [z, y] = latents->join(torch::zeros({4, 3}), torch::tensor({5, 6, 7, 8}), t.pass);
  EXPECT_EQ(z.size(0), 6);
  EXPECT_TRUE(at::equal(y, torch::tensor({0, 1, 5, 6, 7, 8})));
  EXPECT_EQ(t.pass.segments.front().role, Role::reference);
  EXPECT_TRUE(at::equal(latents->part(z, t.pass), torch::zeros({4, 3})));
  EXPECT_EQ(t.pass.segments.size(), 1u);
  EXPECT_TRUE(latents->named_buffers().contains("latents"));  // saved with the generator
}

}  // namespace
}  // namespace fqgan::test
