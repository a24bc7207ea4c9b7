// Weight normalization with data-dependent initialisation, and noise.
#include "fqgan/nn/layers.h"
#include "fqgan/nn/noise.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

/// As openai/improved-gan has it: scales of one, set by the data.
WeightOptions scaled(bool train_scale = false) {
  WeightOptions options;
  options.normalization = WeightNormalization::weight;
  options.initial_std = 0.1;
  options.biases = "zero";
  options.scale_start = ScaleStart::one;
  options.train_scale = train_scale;
  return options;
}

Linear make(const WeightOptions& options = scaled()) {
  Streams random(3, {});
  Linear layer(6, 4, true, options, random);
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
  EXPECT_TRUE(at::allclose(layer->forward(x, pass, /*relu=*/true), at::relu(expected), 1e-12));
  EXPECT_TRUE(at::allclose(layer->effective_weight(pass), v, 1e-12));
  layer->weight.mul_(7);
  EXPECT_TRUE(at::allclose(layer->forward(x, pass), expected, 1e-12));
}

TEST(WeightNorm, HasRightGradients) {
  auto layer = make(scaled(true));
  Streams random(5, {});
  for (const bool relu : {false, true})
    for (const bool reference : {false, true}) {
      const Function f = [&](const auto& x) {
        Pass pass(random);
        pass.reference_operators = reference;
        return layer->forward(x[0], pass, relu).square().sum();
      };
      expect_gradients(f, {leaf({3, 6}), layer->weight, layer->scale, layer->bias});
      if (reference) expect_second_gradients(f, {leaf({2, 6}), layer->weight, layer->scale, layer->bias});
    }
}

Conv2d make_convolution(bool transposed, int64_t kernel = 3, int64_t stride = 1, int64_t groups = 1) {
  Streams random(3, {});
  Conv2dOptions options{.in = groups == 1 ? 3 : 4, .out = 4, .kernel = kernel};
  options.stride = stride;
  options.groups = groups;
  options.transposed = transposed;
  Conv2d layer(options, scaled(true), random);
  layer->to(torch::kDouble);
  return layer;
}

TEST(WeightNormConv2d, IsTheFormula) {
  Streams random(4, {});
  torch::NoGradGuard no_grad;
  for (const int64_t groups : {1, 2})
    for (const bool transposed : {false, true})
      for (const int64_t stride : {1, 2}) {
        if (transposed && stride == 1) continue;
        auto layer = make_convolution(transposed, transposed ? 5 : 3, stride, groups);
        const auto x = random.normal({2, groups == 1 ? 3 : 4, 6, 4}, "x").to(torch::kDouble);
        layer->scale.copy_(torch::tensor({1., 2., 0.5, 3.}));
        layer->bias.copy_(torch::tensor({0., 1., -1., 2.}));
        auto scaled = torch::empty_like(layer->weight);
        for (int64_t o = 0; o < 4; ++o) {
          const auto part = [&](torch::Tensor weight) {  // what output o is made with
            if (!transposed) return weight.select(0, o);
            const auto inputs = weight.size(0) / groups, outputs = 4 / groups;
            return weight.narrow(0, o / outputs * inputs, inputs).select(1, o % outputs);
          };
          const auto v = part(layer->weight);
          part(scaled).copy_(v / v.norm() * layer->scale[o]);
        }
        Pass pass(random);
        const auto expected = transposed ? at::conv_transpose2d(x, scaled, layer->bias, 2, 2, 1, groups)
                                         : at::conv2d(x, scaled, layer->bias, stride, 1, 1, groups);
        const auto y = layer->forward(x, pass);
        EXPECT_TRUE(at::allclose(y, expected, 1e-10)) << transposed << stride << groups;
        EXPECT_EQ(y.size(2), transposed ? 12 : 6 / stride);
      }
}

TEST(WeightNormConv2d, InitialisesByData) {
  Streams random(6, {});
  for (const bool transposed : {false, true}) {
    auto layer = make_convolution(transposed, transposed ? 5 : 3, transposed ? 2 : 1);
    Pass pass(random);
    pass.initialise = true;
    const auto x = random.normal({20, 3, 5, 5}, "x").to(torch::kDouble) * 4 + 1;
    const auto y = layer->forward(x, pass);
    EXPECT_LT(y.mean({0, 2, 3}).abs().max().item<double>(), 1e-10);
    EXPECT_TRUE(at::allclose(y.square().mean({0, 2, 3}), torch::ones({4}, torch::kDouble), 1e-8));
    pass.initialise = false;
    EXPECT_TRUE(at::allclose(layer->forward(x, pass), y, 1e-8, 1e-10));
  }
}

TEST(WeightNorm, InitialisesByData) {
  Streams random(6, {});
  auto options = scaled();
  options.data_std = 0.5;
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

TEST(WeightNorm, TakesPartInTheDatasStartOnlyIfAsked) {
  Streams random(6, {});
  auto options = scaled(true);
  options.starts_by_data = false;
  auto layer = make(options);
  EXPECT_TRUE(layer->named_parameters().contains("scale"));
  Pass pass(random);
  pass.initialise = true;
  layer->forward(random.normal({9, 6}, "x").to(torch::kDouble), pass);
  EXPECT_TRUE(torch::equal(layer->scale, torch::ones({4}, torch::kDouble)));
  EXPECT_TRUE(torch::equal(layer->bias, torch::zeros({4}, torch::kDouble)));
}

TEST(WeightNorm, BeginsWithTheGivenStandardDeviation) {
  Streams random(3, {});
  auto options = scaled();
  options.initial_std = 0.3;
  EXPECT_NEAR(Linear(100, 200, true, options, random)->weight.std().item<double>(), 0.3, 0.01);
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
