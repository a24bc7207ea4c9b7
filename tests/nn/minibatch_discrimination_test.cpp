// The minibatch layer: its formula, gradients, rows of a kind apart, data-dependent initialisation, and what it is for.
#include "fqgan/nn/minibatch_discrimination.h"

#include "fqgan/core/error.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

constexpr int64_t features = 4, kernels = 3, dims = 2;

MinibatchDiscrimination minibatch_layer(uint64_t seed = 3) {
  Streams random(seed, {});
  MinibatchDiscrimination layer(features, kernels, dims, random);
  layer->to(torch::kDouble);
  return layer;
}

/// The paper's formula, example by example.
torch::Tensor formula(const MinibatchDiscrimination& layer, const torch::Tensor& x) {
  const auto directions = layer->weight / layer->weight.square().sum(0).sqrt() * layer->log_scale.exp();
  const auto m = at::einsum("nf,fbc->nbc", {x, directions});
  auto rows = std::vector<torch::Tensor>();
  for (int64_t i = 0; i < x.size(0); ++i) {
    auto sum = torch::zeros({kernels}, torch::kDouble);
    for (int64_t j = 0; j < x.size(0); ++j)
      if (i != j) sum = sum + (-(m[i] - m[j]).abs().sum(1)).exp();
    rows.push_back(sum + layer->bias);
  }
  return at::cat({x, at::stack(rows)}, 1);
}

TEST(MinibatchDiscriminationLayer, IsThePapersFormula) {
  TestPass t;
  auto layer = minibatch_layer();
  torch::NoGradGuard no_grad;
  layer->log_scale.copy_(leaf({kernels, dims}).detach());
  const auto x = leaf({6, features}).detach();
  EXPECT_TRUE(at::allclose(layer->forward(x, t.pass), formula(layer, x), 1e-10));
}

TEST(MinibatchDiscriminationLayer, RowsMeetTheirOwnKindOnly) {
  TestPass t;
  auto layer = minibatch_layer();
  torch::NoGradGuard no_grad;
  const auto real = leaf({3, features}, 1).detach(), fake = leaf({5, features}, 2).detach();
  t.pass.segments = {{Role::fake, 5}, {Role::real, 3}};
  const auto together = layer->forward(at::cat({fake, real}), t.pass);
  EXPECT_TRUE(at::allclose(together, at::cat({formula(layer, fake), formula(layer, real)}), 1e-10));
}

TEST(MinibatchDiscriminationLayer, HasRightGradients) {
  auto layer = minibatch_layer();
  for (const bool reference : {false, true})
    expect_gradients(
        [&](const auto& x) {
          TestPass t;
          t.pass.reference_operators = reference;
          t.pass.segments = {{Role::fake, 3}, {Role::real, 2}};
          return layer->forward(x[0], t.pass);
        },
        {leaf({5, features}), layer->weight, layer->log_scale, layer->bias});
}

TEST(MinibatchDiscriminationLayer, InitialisesByData) {
  TestPass t;
  auto layer = minibatch_layer();
  t.pass.initialise = true;
  const auto x = leaf({40, features}).detach() * 20;
  const auto first = layer->forward(x, t.pass);
  EXPECT_LT(first.narrow(1, features, kernels).mean(0).abs().max().item<double>(), 1e-10);
  t.pass.initialise = false;
  EXPECT_TRUE(at::allclose(layer->forward(x, t.pass), first, 1e-8, 1e-10));  // what it then computes
  // Half the mean distance to the nearest neighbour is now 1.
  const auto directions = layer->weight / layer->weight.square().sum(0).sqrt() * layer->log_scale.exp();
  const auto m = at::einsum("nf,fbc->nbc", {x, directions});
  auto distances = (m.unsqueeze(0) - m.unsqueeze(1)).abs().sum(3);
  distances.add_(torch::eye(40, torch::kDouble).unsqueeze(2) * 1e9);
  EXPECT_TRUE(at::allclose(0.5 * distances.amin(1).mean(0), torch::ones({kernels}, torch::kDouble), 1e-8));
}

TEST(MinibatchDiscriminationLayer, TellsACollapsedBatchFromAVariedOne) {
  TestPass t;
  auto layer = minibatch_layer();
  t.pass.initialise = true;
  layer->forward(leaf({64, features}, 1).detach(), t.pass);
  t.pass.initialise = false;
  const auto varied = leaf({64, features}, 2).detach();
  const auto collapsed = varied.narrow(0, 0, 1) + 0.01 * leaf({64, features}, 3).detach();
  const auto similarity = [&](const torch::Tensor& x) {
    return layer->forward(x, t.pass).narrow(1, features, kernels);
  };
  // No single collapsed example looks unlike the varied ones, but every similarity of theirs is above all of those.
  EXPECT_GT(similarity(collapsed).min().item<double>(), similarity(varied).max().item<double>());
}

TEST(MinibatchDiscriminationLayer, RefusesOtherWidths) {
  TestPass t;
  expect_error<UserError>(
      [&] {
        minibatch_layer()->forward(leaf({2, features + 1}), t.pass);
      },
      {"minibatch_discrimination"});
}

}  // namespace
}  // namespace fqgan::test
