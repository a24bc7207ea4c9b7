// Batch normalization, self-attention and initial weights.
#include "fqgan/core/error.h"
#include "fqgan/nn/batch_norm.h"
#include "fqgan/nn/copy.h"
#include "fqgan/nn/initialise.h"
#include "fqgan/nn/self_attention.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

BatchNorm batch_norm(int64_t classes) {
  Streams random(5, {});
  BatchNorm layer(3, Condition{classes, 0, {WeightNormalization::spectral, 1e-8, "normal"}}, random);
  convert(*layer, torch::kDouble);
  return layer;
}

TEST(BatchNorm, GradientsAreRight) {
  TestPass t;
  t.pass.training = true;
  auto plain = batch_norm(0);
  expect_gradients([&](const auto& in) { return plain->forward(in[0], {}, t.pass); },
                   {leaf({4, 3, 2, 2}), plain->gain, plain->bias});
  auto conditional = batch_norm(5);
  const auto labels = torch::tensor({4, 0, 4, 2}, torch::kLong);
  expect_gradients([&](const auto& in) { return conditional->forward(in[0], labels, t.pass); },
                   {leaf({4, 3, 2, 2}), conditional->class_gain->weight, conditional->class_bias->weight});
}

TEST(BatchNorm, ConditionalIsOnePlusTheClassGain) {
  auto layer = batch_norm(5);
  TestPass t;
  t.pass.training = true;
  const auto x = leaf({4, 3, 2, 2}).detach();
  const auto labels = torch::tensor({4, 0, 4, 2}, torch::kLong);
  const auto mean = x.mean({0, 2, 3}, true), var = x.var({0, 2, 3}, false, true);
  const auto gain = 1 + layer->class_gain->weight.index_select(0, labels),
             bias = layer->class_bias->weight.index_select(0, labels);
  const auto expected = (x - mean) / (var + 1e-5).sqrt() * gain.reshape({4, 3, 1, 1}) + bias.reshape({4, 3, 1, 1});
  EXPECT_LT((layer->forward(x, labels, t.pass) - expected).abs().max().item<double>(), 1e-12);
}

TEST(BatchNorm, HasTheEpsilonThatItWasGiven) {
  Streams random(5, {});
  BatchNorm layer(3, Condition{}, random, 0.5);
  convert(*layer, torch::kDouble);
  const auto x = leaf({4, 3, 2, 2}).detach();
  const auto mean = x.mean({0, 2, 3}, true), var = x.var({0, 2, 3}, false, true);
  const auto expected = (x - mean) / (var + 0.5).sqrt();
  for (const bool reference : {false, true}) {
    TestPass t;
    t.pass.training = true;
    t.pass.reference_operators = reference;
    EXPECT_LT((layer->forward(x, {}, t.pass) - expected).abs().max().item<double>(), 1e-12) << reference;
  }
  TestPass stored;
  EXPECT_LT((layer->forward(x, {}, stored.pass) - x / std::sqrt(1.5)).abs().max().item<double>(), 1e-12);
}

TEST(BatchNorm, StoresWithMomentumOnlyWhenAsked) {
  auto layer = batch_norm(0);
  TestPass t;
  t.pass.training = true;
  const auto x = leaf({4, 3, 2, 2}).detach() + 5;
  layer->forward(x, {}, t.pass);
  EXPECT_TRUE(torch::equal(layer->stored_mean, torch::zeros({3}, torch::kDouble)));
  t.pass.update_state = true;
  layer->forward(x, {}, t.pass);
  EXPECT_LT((layer->stored_mean - 0.1 * x.mean({0, 2, 3})).abs().max().item<double>(), 1e-12);
  EXPECT_LT((layer->stored_var - (0.9 + 0.1 * x.var({0, 2, 3}))).abs().max().item<double>(), 1e-12);
}

TEST(BatchNorm, StandingStatisticsAverageTheBatches) {
  auto layer = batch_norm(0);
  TestPass t;
  auto mean = torch::zeros({3}, torch::kDouble);
  for (int64_t k = 1; k <= 3; ++k) {
    const auto x = leaf({4, 3, 2, 2}, k).detach();
    t.pass.standing = k;
    layer->forward(x, {}, t.pass);
    mean += x.mean({0, 2, 3}) / 3;
  }
  EXPECT_LT((layer->stored_mean - mean).abs().max().item<double>(), 1e-12);
  t.pass.standing = 0;
  const auto x = leaf({2, 3, 2, 2}, 9).detach();
  const auto y = layer->forward(x, {}, t.pass);
  const auto expected = (x - mean.reshape({1, 3, 1, 1})) / (layer->stored_var.reshape({1, 3, 1, 1}) + 1e-5).sqrt();
  EXPECT_LT((y - expected).abs().max().item<double>(), 1e-12);
}

TEST(SelfAttention, GradientsAreRight) {
  Streams random(5, {});
  SelfAttention layer(8, WeightOptions{WeightNormalization::none, 1e-8, "xavier"}, random);
  convert(*layer, torch::kDouble);
  {
    torch::NoGradGuard no_grad;
    layer->gain.fill_(0.7);
  }
  TestPass t;
  const Function f = [&](const auto& in) { return layer->forward(in[0], t.pass); };
  expect_gradients(f, {leaf({1, 8, 2, 4}), layer->gain, layer->query->weight, layer->output->weight});
  t.pass.reference_operators = true;
  expect_second_gradients(f, {leaf({1, 8, 2, 2}), layer->gain, layer->key->weight, layer->value->weight});
}

TEST(SelfAttention, StartsAsTheIdentityAndChecksItsInput) {
  Streams random(5, {});
  SelfAttention layer(8, WeightOptions{WeightNormalization::spectral, 1e-8, "xavier"}, random);
  TestPass t;
  const auto x = leaf({1, 8, 4, 4}).detach().to(torch::kFloat);
  EXPECT_TRUE(torch::equal(layer->forward(x, t.pass), x));
  expect_error<UserError>([&] { layer->forward(torch::zeros({1, 8, 3, 4}), t.pass); }, {"[self_attention]", "3 x 4"});
  expect_error<UserError>([&] { SelfAttention(4, WeightOptions{}, random); }, {"[self_attention]", "8", "4"});
}

TEST(Initialise, HasTheNamedDistributions) {
  Streams random(5, {});
  auto wide = torch::empty({16, 8, 3, 3});
  initialise_weight(wide, "orthogonal", random);
  const auto rows = wide.reshape({16, 72});
  EXPECT_LT((rows.mm(rows.t()) - torch::eye(16)).abs().max().item<double>(), 1e-5);
  auto tall = torch::empty({40, 10});
  initialise_weight(tall, "orthogonal", random);
  EXPECT_LT((tall.t().mm(tall) - torch::eye(10)).abs().max().item<double>(), 1e-5);
  auto many = torch::empty({100, 100, 3, 3});
  initialise_weight(many, "normal", random);
  EXPECT_NEAR(many.std().item<double>(), 0.02, 3e-4);
  initialise_weight(many, "xavier", random);
  const double bound = std::sqrt(6. / (200 * 9));
  EXPECT_LE(many.abs().max().item<double>(), bound);
  EXPECT_NEAR(many.std().item<double>(), bound / std::sqrt(3.), 1e-4);
  expect_error<UserError>([&] { initialise_weight(many, "zeros", random); },
                          {"'zeros'", "orthogonal", "normal", "xavier"});
}

}  // namespace
}  // namespace fqgan::test
