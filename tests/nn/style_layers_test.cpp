// The layers of StyleGAN2: equalized learning rate, modulated convolution, minibatch standard deviation.
#include "fqgan/core/error.h"
#include "fqgan/nn/layers.h"
#include "fqgan/nn/minibatch_std.h"
#include "fqgan/nn/modulated_convolution.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(Equalized, LinearScalesWeightAndBias) {
  Streams random(3, {});
  const double multiplier = 0.01;
  Linear layer(400, 300, true, equalized(multiplier), random);
  EXPECT_NEAR(layer->weight.std().item<double>() * multiplier, 1, 0.01);
  torch::NoGradGuard no_grad;
  layer->to(torch::kDouble);
  layer->bias.fill_(3);
  TestPass t;
  const auto x = leaf({2, 400}).detach();
  const auto expected = at::linear(x, layer->weight * (multiplier / 20), layer->bias * multiplier);
  EXPECT_LT((layer->forward(x, t.pass) - expected).abs().max().item<double>(), 1e-14);
}

/// The definition: one weight for each image, normalized; the transposed convolution and the filter by loops.
torch::Tensor modulated_by_definition(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& style,
                                      bool up) {
  std::vector<torch::Tensor> images;
  for (int64_t n = 0; n < x.size(0); ++n) {
    auto w = weight * style[n].reshape({1, -1, 1, 1});
    w = w / (w.square().sum({1, 2, 3}, true) + 1e-8).sqrt();
    const auto one = x.narrow(0, n, 1);
    if (!up) {
      images.push_back(at::conv2d(one, w, {}, 1, weight.size(2) / 2));
      continue;
    }
    const auto large = at::conv_transpose2d(one, w.transpose(0, 1), {}, 2);
    const auto taps = torch::tensor({1., 3., 3., 1.}, torch::kDouble);
    const auto filter = (at::outer(taps, taps) / 64 * 4).reshape({1, 1, 4, 4}).expand({w.size(0), 1, 4, 4});
    images.push_back(at::conv2d(large, filter, {}, 1, 1, 1, w.size(0)));
  }
  return at::cat(images);
}

TEST(ModulatedConvolution, EqualsItsDefinition) {
  TestPass t;
  for (const bool up : {false, true})
    for (const int64_t kernel : {1, 3}) {
      if (up && kernel == 1) continue;
      const auto x = leaf({3, 4, 5, 6}).detach(), weight = leaf({7, 4, kernel, kernel}, 2).detach();
      const auto style = leaf({3, 4}, 3).detach();
      const auto found = modulated_convolution(x, weight, style, up, {}, t.pass) *
                         demodulation(weight, style).unsqueeze(2).unsqueeze(3);
      EXPECT_LT((found - modulated_by_definition(x, weight, style, up)).abs().max().item<double>(), 1e-12);
    }
}

TEST(ModulatedConvolution, HasRightGradientsOfFirstAndSecondOrder) {
  for (const bool plain : {false, true})
    for (const bool up : {false, true}) {
      TestPass t;
      t.pass.reference_operators = plain;
      const auto compute = [&](const auto& in) {
        return modulated_convolution(in[0], in[1], in[2], up, {}, t.pass) *
               demodulation(in[1], in[2]).unsqueeze(2).unsqueeze(3);
      };
      const auto inputs = [] { return std::vector{leaf({2, 2, 2, 3}), leaf({2, 2, 3, 3}, 2), leaf({2, 2}, 3)}; };
      expect_gradients(compute, inputs());
      expect_second_gradients(compute, inputs());
    }
}

TEST(ModulatedConvolution, DownsamplingHasRightGradientsOfFirstAndSecondOrder) {
  for (const int64_t kernel : {1, 3}) {
    TestPass t;
    const auto compute = [&](const auto& in) { return downsampling_convolution(in[0], in[1], t.pass).pow(2); };
    const auto inputs = [&] { return std::vector{leaf({1, 2, 4, 6}), leaf({2, 2, kernel, kernel}, 2)}; };
    expect_gradients(compute, inputs());
    expect_second_gradients(compute, inputs());
  }
}

TEST(MinibatchStd, GroupsAreStrided) {
  const auto n = torch::arange(8, torch::kDouble);
  const auto x = n.square().reshape({8, 1, 1, 1}).expand({8, 2, 4, 4});
  const auto y = with_minibatch_std(x, 4, 1);
  ASSERT_EQ(y.sizes(), (torch::IntArrayRef{8, 3, 4, 4}));
  const std::vector<double> deviation{14, std::sqrt(336.)};  // of 0, 4, 16, 36 and of 1, 9, 25, 49
  for (int64_t i = 0; i < 8; ++i) EXPECT_NEAR(y[i][2][1][3].item<double>(), deviation[i % 2], 1e-6) << i;
  EXPECT_EQ(with_minibatch_std(x.narrow(0, 0, 3), 4, 1).size(0), 3);  // a smaller batch is one group
  expect_error<UserError>([&] { with_minibatch_std(x.narrow(0, 0, 6), 4, 1); }, {"4", "6"});
}

TEST(MinibatchStd, HasRightGradientsOfFirstAndSecondOrder) {
  const auto compute = [](const auto& in) { return with_minibatch_std(in[0], 2, 2).pow(2); };
  expect_gradients(compute, {leaf({4, 4, 2, 2})});
  expect_second_gradients(compute, {leaf({4, 4, 2, 2})});
}

}  // namespace
}  // namespace fqgan::test
