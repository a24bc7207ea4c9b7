// Spectral normalization in both forms: the largest singular value, what moves u and v, gradients.
#include "fqgan/nn/copy.h"
#include "fqgan/nn/layers.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

Conv2d spectral_conv(SpectralForm form = SpectralForm::biggan, bool transposed = false, int64_t iterations = 1) {
  Streams random(5, {});
  WeightOptions weight;
  weight.initialisation = "xavier";
  weight.spectral_form = form;
  weight.iterations = iterations;
  const Conv2dOptions options{.in = 2, .out = 3, .stride = transposed ? 2 : 1, .transposed = transposed};
  Conv2d layer(options, weight, random);
  convert(*layer, torch::kDouble);
  return layer;
}

torch::Tensor matrix_of(const Conv2d& layer) {
  const auto weight = layer->weight.detach();
  return (layer->options.transposed ? weight.transpose(0, 1) : weight).reshape({3, -1});
}

/// Brings u and v to the singular vectors.
void settle_vectors(Conv2d& layer) {
  TestPass t;
  t.pass.training = t.pass.update_state = true;
  for (int i = 0; i < 400; ++i) layer->effective_weight(t.pass);
}

class SpectralForms : public ::testing::TestWithParam<std::tuple<SpectralForm, bool>> {};

TEST_P(SpectralForms, DivideByTheLargestSingularValue) {
  const auto [form, transposed] = GetParam();
  auto layer = spectral_conv(form, transposed);
  settle_vectors(layer);
  const auto sigma = torch::linalg_svdvals(matrix_of(layer))[0].item<double>();
  for (const bool training : {false, true}) {
    TestPass t;
    t.pass.training = training;
    EXPECT_LT((layer->effective_weight(t.pass) - layer->weight / sigma).abs().max().item<double>(), 1e-10);
  }
}

TEST_P(SpectralForms, HaveRightGradients) {
  const auto [form, transposed] = GetParam();
  auto layer = spectral_conv(form, transposed);
  settle_vectors(layer);  // where sigma's gradient is exact although u and v are held fixed
  TestPass closed, plain;
  plain.pass.reference_operators = true;
  for (auto* t : {&closed, &plain})
    expect_gradients([&](const auto& in) { return layer->forward(in[0], t->pass); },
                     {leaf({1, 2, 4, 4}), layer->weight, layer->bias});
  expect_second_gradients([&](const auto& in) { return layer->forward(in[0], plain.pass).pow(2); },
                          {leaf({1, 2, 3, 3}), layer->weight, layer->bias});
}

INSTANTIATE_TEST_SUITE_P(All, SpectralForms,
                         ::testing::Combine(::testing::Values(SpectralForm::biggan, SpectralForm::torch),
                                            ::testing::Bool()));

TEST(SpectralNorm, MovesItsVectorsOnlyWhenAsked) {
  for (const auto form : {SpectralForm::biggan, SpectralForm::torch}) {
    auto layer = spectral_conv(form);
    TestPass t;
    t.pass.training = true;
    const auto u = layer->u.clone(), v = layer->v.clone();
    layer->effective_weight(t.pass);
    EXPECT_TRUE(torch::equal(u, layer->u));
    EXPECT_TRUE(torch::equal(v, layer->v));
    t.pass.update_state = true;
    layer->effective_weight(t.pass);
    EXPECT_FALSE(torch::equal(u, layer->u));
    EXPECT_TRUE(torch::equal(layer->u, layer->named_buffers()["u"]));
    EXPECT_TRUE(torch::equal(layer->v, layer->named_buffers()["v"]));
  }
}

// BigGAN-PyTorch makes v anew from u; torch.nn.utils.spectral_norm reads the stored pair.
TEST(SpectralNorm, TheFormsDifferInWhatEvaluationReads) {
  for (const auto form : {SpectralForm::biggan, SpectralForm::torch}) {
    auto layer = spectral_conv(form);
    TestPass evaluation;
    evaluation.pass.update_state = true;  // a pass that does not train moves nothing in torch's form
    const auto u = layer->u.clone();
    torch::NoGradGuard no_grad;
    layer->v.copy_(torch::ones_like(layer->v) / layer->v.norm());
    const auto v = layer->v.clone(), matrix = matrix_of(layer);
    const auto found = layer->effective_weight(evaluation.pass);
    const auto stored = at::dot(u, at::mv(matrix, v));
    const auto fresh = at::mv(matrix.t(), u), anew = at::mv(matrix, fresh / fresh.norm());
    const auto sigma = form == SpectralForm::torch ? stored : anew.norm();
    EXPECT_LT((found - layer->weight / sigma).abs().max().item<double>(), 1e-12);
    EXPECT_EQ(torch::equal(layer->u, u), form == SpectralForm::torch);
  }
}

TEST(SpectralNorm, IteratesAsOftenAsAsked) {
  auto once = spectral_conv(SpectralForm::torch, false, 1), thrice = spectral_conv(SpectralForm::torch, false, 3);
  TestPass t;
  t.pass.training = t.pass.update_state = true;
  for (int i = 0; i < 3; ++i) once->effective_weight(t.pass);
  thrice->effective_weight(t.pass);
  EXPECT_TRUE(torch::equal(once->u, thrice->u));
  EXPECT_TRUE(torch::equal(once->v, thrice->v));
}

TEST(SpectralNorm, ComputesVFromTheWeightAndU) {
  auto layer = spectral_conv();
  torch::NoGradGuard no_grad;
  layer->u.copy_(leaf({3}));
  layer->recompute_v();
  const auto expected = at::mv(matrix_of(layer).t(), layer->u);
  EXPECT_LT((layer->v - expected / expected.norm()).abs().max().item<double>(), 1e-12);
}

TEST(SpectralNorm, SeveralForwardsBeforeOneBackwardAreRight) {
  const auto x = leaf({1, 2, 4, 4});
  for (const auto form : {SpectralForm::biggan, SpectralForm::torch})
    for (const bool training : {false, true}) {
      const auto gradient = [&](bool update_between) {
        auto fresh = spectral_conv(form);
        TestPass t, between;
        t.pass.training = training;
        t.pass.update_state = update_between;
        between.pass.training = between.pass.update_state = true;
        const auto first = fresh->forward(x, t.pass).sum();
        if (update_between) fresh->forward(x, between.pass);
        return torch::autograd::grad({first}, {fresh->weight})[0];
      };
      EXPECT_TRUE(torch::equal(gradient(false), gradient(true)));
    }
}

}  // namespace
}  // namespace fqgan::test
