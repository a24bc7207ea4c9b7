// Weight normalization with data-dependent initialisation, and noise.
#include "fqgan/nn/weight_norm.h"

#include "fqgan/nn/noise.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

WeightNormLinear make(WeightNormOptions options = {}) {
  Streams random(3, {});
  WeightNormLinear layer(6, 4, options, random);
  layer->to(torch::kDouble);
  return layer;
}

TEST(WeightNorm, IsTheFormulaWhateverTheLengthOfTheWeights) {
  Streams random(4, {});
  Pass pass(random);
  auto layer = make();
  torch::NoGradGuard no_grad;
  const auto x = random.normal({3, 6}, "x").to(torch::kDouble);
  layer->scale.copy_(torch::tensor({1., 2., 0.5, 3.}));
  layer->bias.copy_(torch::tensor({0., 1., -1., 2.}));
  const auto v = layer->weight / layer->weight.norm(2, 1, true) * layer->scale.unsqueeze(1);
  const auto expected = at::linear(x, v, layer->bias);
  EXPECT_TRUE(at::allclose(layer->forward(x, pass), expected, 1e-12));
  layer->weight.mul_(7);
  EXPECT_TRUE(at::allclose(layer->forward(x, pass), expected, 1e-12));
}

TEST(WeightNorm, HasRightGradients) {
  WeightNormOptions options;
  options.train_scale = true;
  auto layer = make(options);
  Streams random(5, {});
  expect_gradients(
      [&](const auto& x) {
        Pass pass(random);
        return layer->forward(x[0], pass).square().sum();
      },
      {leaf({3, 6}), layer->weight, layer->scale, layer->bias});
}

WeightNormConv2d make_convolution(bool transposed, int64_t kernel = 3, int64_t stride = 1) {
  Streams random(3, {});
  WeightNormConv2dOptions convolution{3, 4, kernel, stride, kernel / 2, transposed};
  WeightNormOptions options;
  options.train_scale = true;
  WeightNormConv2d layer(convolution, options, random);
  layer->to(torch::kDouble);
  return layer;
}

TEST(WeightNormConv2d, IsTheFormula) {
  Streams random(4, {});
  torch::NoGradGuard no_grad;
  const auto x = random.normal({2, 3, 6, 4}, "x").to(torch::kDouble);
  for (const bool transposed : {false, true})
    for (const int64_t stride : {1, 2}) {
      if (transposed && stride == 1) continue;
      auto layer = make_convolution(transposed, transposed ? 5 : 3, stride);
      layer->scale.copy_(torch::tensor({1., 2., 0.5, 3.}));
      layer->bias.copy_(torch::tensor({0., 1., -1., 2.}));
      auto scaled = torch::empty_like(layer->weight);
      for (int64_t o = 0; o < 4; ++o) {
        const auto v = layer->weight.select(transposed ? 1 : 0, o);
        scaled.select(transposed ? 1 : 0, o).copy_(v / v.norm() * layer->scale[o]);
      }
      Pass pass(random);
      const auto expected = transposed ? at::conv_transpose2d(x, scaled, layer->bias, 2, 2, 1)
                                       : at::conv2d(x, scaled, layer->bias, stride, 1);
      const auto y = layer->forward(x, pass);
      EXPECT_TRUE(at::allclose(y, expected, 1e-10)) << transposed << stride;
      EXPECT_EQ(y.size(2), transposed ? 12 : 6 / stride);
    }
}

TEST(WeightNormConv2d, HasRightGradients) {
  for (const bool transposed : {false, true}) {
    auto layer = make_convolution(transposed, transposed ? 5 : 3, transposed ? 2 : 1);
    Streams random(5, {});
    expect_gradients(
        [&](const auto& x) {
          Pass pass(random);
          return layer->forward(x[0], pass);
        },
        {leaf({2, 3, 3, 4}), layer->weight, layer->scale, layer->bias});
  }
}

TEST(WeightNormConv2d, InitialisesByData) {
  Streams random(6, {});
  auto layer = make_convolution(false);
  Pass pass(random);
  pass.initialise = true;
  const auto x = random.normal({20, 3, 5, 5}, "x").to(torch::kDouble) * 4 + 1;
  const auto y = layer->forward(x, pass);
  EXPECT_LT(y.mean({0, 2, 3}).abs().max().item<double>(), 1e-10);
  EXPECT_TRUE(at::allclose(y.square().mean({0, 2, 3}), torch::ones({4}, torch::kDouble), 1e-8));
  pass.initialise = false;
  EXPECT_TRUE(at::allclose(layer->forward(x, pass), y, 1e-8, 1e-10));
}

TEST(WeightNorm, InitialisesByData) {
  Streams random(6, {});
  WeightNormOptions options;
  options.deviation = 0.5;
  auto layer = make(options);
  const auto x = random.normal({200, 6}, "x").to(torch::kDouble) * 3 + 1;
  Pass first(random);
  first.initialise = true;
  const auto seen = layer->forward(x, first);
  Pass later(random);
  const auto after = layer->forward(x, later).detach();
  EXPECT_TRUE(at::allclose(seen, after, 1e-9, 1e-9));
  EXPECT_LT(after.mean(0).abs().max().item<double>(), 1e-10);
  EXPECT_TRUE(at::allclose(after.square().mean(0).sqrt(), torch::full({4}, 0.5, torch::kDouble), 1e-9));
  EXPECT_EQ(layer->named_parameters().contains("scale"), false);  // set by the data, not learnt
}

TEST(Noise, ActsInTrainingOnlyAndDiffersFromCallToCall) {
  Streams random(7, {});
  Pass pass(random);
  const auto x = torch::ones({50, 40});
  EXPECT_TRUE(at::equal(gaussian_noise(x, 0.5, pass), x));
  EXPECT_TRUE(at::equal(dropout(x, 0.5, pass), x));
  pass.training = true;
  const auto first = gaussian_noise(x, 0.5, pass), second = gaussian_noise(x, 0.5, pass);
  EXPECT_FALSE(at::equal(first, second));
  EXPECT_NEAR((first - x).std().item<double>(), 0.5, 0.03);
  const auto dropped = dropout(x, 0.25, pass);
  EXPECT_NEAR(dropped.eq(0).to(torch::kFloat).mean().item<double>(), 0.25, 0.04);
  EXPECT_NEAR(dropped.max().item<double>(), 1 / 0.75, 1e-6);
  Streams again(7, {});
  Pass same(again);
  same.training = true;
  EXPECT_TRUE(at::equal(gaussian_noise(x, 0.5, same), first));
}

}  // namespace
}  // namespace fqgan::test
