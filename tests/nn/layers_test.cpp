// Convolution, linear, embedding and spectral normalization: gradients of every form, folded against plain.
#include "fqgan/nn/layers.h"

#include "fqgan/core/error.h"
#include "fqgan/nn/copy.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

const WeightOptions plain_weight{false, 1e-8, "xavier"}, spectral_weight{true, 1e-8, "xavier"};

Conv2d conv(int64_t kernel, Resample resample, const WeightOptions& weight) {
  Streams random(5, {});
  Conv2d layer(Conv2dOptions{2, 3, kernel, resample}, weight, random);
  convert(*layer, torch::kDouble);
  torch::NoGradGuard no_grad;
  layer->bias.copy_(leaf({3}, 8));
  return layer;
}

/// Brings u to the singular vector, where sigma's gradient is exact although u and v are held fixed.
void settle(WeightedLayer& layer) {
  TestPass t;
  t.pass.update_state = true;
  for (int i = 0; i < 400; ++i) layer.effective_weight(t.pass);
}

class Conv2dForms : public ::testing::TestWithParam<std::tuple<int64_t, Resample, bool>> {};

TEST_P(Conv2dForms, FoldedEqualsPlainAndGradientsAreRight) {
  const auto [kernel, resample, spectral] = GetParam();
  auto layer = conv(kernel, resample, spectral ? spectral_weight : plain_weight);
  if (spectral) settle(*layer);
  auto x = leaf({2, 2, 4, 6});
  TestPass folded, plain;
  plain.pass.twin = true;
  const auto y = layer->forward(x, folded.pass);
  EXPECT_LT((y - layer->forward(x, plain.pass)).abs().max().item<double>(), 1e-12);
  const int64_t height = resample == Resample::up ? 8 : resample == Resample::down ? 2 : 4;
  EXPECT_EQ(y.sizes(), (torch::IntArrayRef{2, 3, height, height / 2 * 3}));
  for (auto* t : {&folded, &plain}) {
    const Function f = [&](const auto& in) { return layer->forward(in[0], t->pass); };
    expect_gradients(f, {x, layer->weight, layer->bias});
  }
  const Function squared = [&](const auto& in) { return layer->forward(in[0], plain.pass).pow(2); };
  expect_second_gradients(squared, {x, layer->weight, layer->bias});
}

INSTANTIATE_TEST_SUITE_P(All, Conv2dForms,
                         ::testing::Combine(::testing::Values(int64_t{1}, int64_t{3}),
                                            ::testing::Values(Resample::none, Resample::up, Resample::down),
                                            ::testing::Bool()));

TEST(Conv2d, IsNotSilentlyConstantInASecondGradient) {
  auto layer = conv(3, Resample::up, plain_weight);
  TestPass t;
  const auto x = leaf({1, 2, 4, 4});
  const auto y = layer->forward(x, t.pass).pow(2).sum();
  const auto slope = torch::autograd::grad({y}, {x}, {}, true, /*create_graph=*/true)[0];
  EXPECT_THROW(slope.sum().backward(), c10::Error);
}

TEST(Conv2d, RefusesOtherChannels) {
  auto layer = conv(3, Resample::none, plain_weight);
  TestPass t;
  EXPECT_CONTAINS(message_of<UserError>([&] { layer->forward(leaf({1, 4, 4, 4}), t.pass); }), "[any, 2, any, any]");
}

TEST(Conv2d, CastsItsWeightsToTheInput) {
  auto layer = conv(3, Resample::down, spectral_weight);
  convert(*layer, torch::kFloat);
  TestPass t;
  const auto x = leaf({2, 2, 4, 4}).detach();
  const auto wide = layer->forward(x.to(torch::kFloat), t.pass);
  const auto narrow = layer->forward(x.to(torch::kBFloat16), t.pass);
  EXPECT_EQ(narrow.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(layer->weight.scalar_type(), torch::kFloat);
  EXPECT_LT((wide - narrow.to(torch::kFloat)).abs().max().item<double>(), 0.05);
}

TEST(Linear, GradientsAreRight) {
  Streams random(5, {});
  for (const auto& weight : {plain_weight, spectral_weight}) {
    Linear layer(3, 4, true, weight, random);
    convert(*layer, torch::kDouble);
    if (weight.spectral) settle(*layer);
    TestPass t;
    expect_gradients([&](const auto& in) { return layer->forward(in[0], t.pass); },
                     {leaf({5, 3}), layer->weight, layer->bias});
    expect_second_gradients([&](const auto& in) { return layer->forward(in[0], t.pass).pow(3); },
                            {leaf({2, 3}), layer->weight, layer->bias});
  }
}

TEST(Embedding, GradientsAreRight) {
  Streams random(5, {});
  Embedding layer(4, 3, spectral_weight, random);
  convert(*layer, torch::kDouble);
  settle(*layer);
  TestPass t;
  const auto labels = torch::tensor({3, 0, 3}, torch::kLong);
  expect_gradients([&](const auto&) { return layer->forward(labels, t.pass); }, {layer->weight});
}

TEST(SpectralNorm, DividesByTheLargestSingularValue) {
  auto layer = conv(3, Resample::none, spectral_weight);
  settle(*layer);
  TestPass t;
  const auto sigma = torch::linalg_svdvals(layer->weight.detach().reshape({3, -1}))[0].item<double>();
  const auto expected = layer->weight / sigma;
  EXPECT_LT((layer->effective_weight(t.pass) - expected).abs().max().item<double>(), 1e-10);
}

TEST(SpectralNorm, MovesItsVectorOnlyWhenAsked) {
  auto layer = conv(3, Resample::none, spectral_weight);
  TestPass t;
  const auto before = layer->u.clone();
  layer->effective_weight(t.pass);
  EXPECT_TRUE(torch::equal(before, layer->u));
  t.pass.update_state = true;
  layer->effective_weight(t.pass);
  EXPECT_FALSE(torch::equal(before, layer->u));
  EXPECT_TRUE(torch::equal(layer->u, layer->named_buffers()["u"]));
}

TEST(SpectralNorm, TwoForwardsBeforeOneBackwardAreRight) {
  auto layer = conv(3, Resample::none, spectral_weight);
  const auto x = leaf({1, 2, 4, 4});
  const auto gradient = [&](bool update_between) {
    auto fresh = conv(3, Resample::none, spectral_weight);
    TestPass t;
    t.pass.update_state = update_between;
    const auto first = fresh->forward(x, t.pass).sum();
    if (update_between) fresh->forward(x, t.pass);
    return torch::autograd::grad({first}, {fresh->weight})[0];
  };
  EXPECT_TRUE(torch::equal(gradient(false), gradient(true)));
}

}  // namespace
}  // namespace fqgan::test
