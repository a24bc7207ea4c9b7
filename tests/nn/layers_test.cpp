// Convolution of the operator's form, linear and embedding layers: gradients under every weight normalization, folded
// against plain.
#include "fqgan/nn/layers.h"

#include "fqgan/core/error.h"
#include "fqgan/nn/copy.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

const WeightOptions plain_weight{WeightNormalization::none, 1e-8, "xavier"},
    spectral_weight{WeightNormalization::spectral, 1e-8, "xavier"},
    scaled_weight{WeightNormalization::weight, 0, "xavier"};

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
  t.pass.training = true;
  for (int i = 0; i < 400; ++i) layer.effective_weight(t.pass);
}

std::vector<torch::Tensor> with(const torch::Tensor& x, std::vector<torch::Tensor> parameters) {
  parameters.insert(parameters.begin(), x);
  return parameters;
}

class Conv2dForms : public ::testing::TestWithParam<std::tuple<int64_t, Resample, WeightNormalization>> {};

TEST_P(Conv2dForms, FoldedEqualsPlainAndGradientsAreRight) {
  const auto [kernel, resample, normalization] = GetParam();
  auto layer = conv(kernel, resample, {normalization, 1e-8, "xavier"});
  if (normalization == WeightNormalization::spectral) settle(*layer);
  std::vector<torch::Tensor> parameters{layer->weight, layer->bias};
  if (layer->scale.defined()) parameters.push_back(layer->scale);
  auto x = leaf({2, 2, 4, 6});
  TestPass folded, plain;
  plain.pass.reference_operators = true;
  const auto y = layer->forward(x, folded.pass);
  EXPECT_LT((y - layer->forward(x, plain.pass)).abs().max().item<double>(), 1e-12);
  const int64_t height = resample == Resample::up ? 8 : resample == Resample::down ? 2 : 4;
  EXPECT_EQ(y.sizes(), (torch::IntArrayRef{2, 3, height, height / 2 * 3}));
  for (auto* t : {&folded, &plain}) {
    const Function f = [&](const auto& in) { return layer->forward(in[0], t->pass); };
    expect_gradients(f, with(x, parameters));
  }
  const Function squared = [&](const auto& in) { return layer->forward(in[0], plain.pass).pow(2); };
  expect_second_gradients(squared, with(x, parameters));
}

INSTANTIATE_TEST_SUITE_P(All, Conv2dForms,
                         ::testing::Combine(::testing::Values(int64_t{1}, int64_t{3}),
                                            ::testing::Values(Resample::none, Resample::up, Resample::down),
                                            ::testing::Values(WeightNormalization::none, WeightNormalization::spectral,
                                                              WeightNormalization::weight)));

TEST(Conv2d, RefusesOtherChannels) {
  auto layer = conv(3, Resample::none, plain_weight);
  TestPass t;
  expect_error<UserError>([&] { layer->forward(leaf({1, 4, 4, 4}), t.pass); }, {"[any, 2, any, any]", "[1, 4, 4, 4]"});
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
  for (const auto& weight : {plain_weight, spectral_weight, scaled_weight}) {
    Linear layer(3, 4, true, weight, random);
    convert(*layer, torch::kDouble);
    if (weight.normalization == WeightNormalization::spectral) settle(*layer);
    TestPass fast, t;
    t.pass.reference_operators = true;
    for (auto* pass : {&fast.pass, &t.pass})
      expect_gradients([&](const auto& in) { return layer->forward(in[0], *pass); },
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

TEST(WeightNormalization, BeginsAsTheInitialWeightAndScalesItsLength) {
  auto layer = conv(3, Resample::none, scaled_weight);
  TestPass t;
  EXPECT_LT((layer->effective_weight(t.pass) - layer->weight).abs().max().item<double>(), 1e-7);  // scale: float32
  torch::NoGradGuard no_grad;
  layer->scale.copy_(torch::tensor({1., 2., 3.}));
  layer->weight.mul_(7);
  EXPECT_LT((layer->effective_weight(t.pass).flatten(1).norm(2, 1) - layer->scale).abs().max().item<double>(), 1e-12);
}

TEST(WeightNormalization, ItsFirstBatchMakesOutputsOfMeanZeroAndDeviationOne) {
  const auto expect_standard = [](const torch::Tensor& y, torch::IntArrayRef rest) {
    EXPECT_LT(y.mean(rest).abs().max().item<double>(), 1e-12);
    EXPECT_LT((y.square().mean(rest) - 1).abs().max().item<double>(), 1e-10);
  };
  for (const bool reference : {false, true}) {
    TestPass t;
    t.pass.reference_operators = reference;
    auto layer = conv(3, Resample::down, scaled_weight);
    const auto x = leaf({4, 2, 6, 6}).detach() * 3 + 1, residual = leaf({4, 3, 3, 3}, 9).detach();
    t.pass.initialise = true;
    const auto begun = layer->forward(x, t.pass, residual).detach();
    t.pass.initialise = false;
    EXPECT_LT((layer->forward(x, t.pass, residual) - begun).abs().max().item<double>(), 1e-12);
    expect_standard(layer->forward(x, t.pass).detach(), {0, 2, 3});  // the residual has no part in it

    Streams random(5, {});
    Linear linear(3, 4, true, scaled_weight, random);
    convert(*linear, torch::kDouble);
    t.pass.initialise = true;
    expect_standard(linear->forward(leaf({8, 3}), t.pass).detach(), {0});
  }
}

TEST(WeightNormalization, RefusesOtherNames) {
  EXPECT_EQ(weight_normalization("weight"), WeightNormalization::weight);
  expect_error<UserError>([] { weight_normalization("batch"); }, {"'none'", "'spectral'", "'weight'", "'batch'"});
}

}  // namespace
}  // namespace fqgan::test
