// The operators of StyleGAN2's layers, resampling and the end of a layer, against their reference implementations in
// float64 on every path, and their gradients of first and second order.
#include <torch/torch.h>

#include "fqgan/core/error.h"
#include "fqgan/ops/bias_activation.h"
#include "fqgan/ops/upfirdn.h"
#include "ops/against_reference.h"
#include "support/gradients.h"

namespace fqgan::test {
namespace {

const std::vector<ops::Upfirdn> filters() {
  const std::vector<double> square{0.125, 0.375, 0.375, 0.125}, uneven{0.5, -0.25, 1, 0.125, 0.25};
  return {{.taps = square, .up = 2, .padding = {2, 1, 2, 1}, .gain = 4},
          {.taps = square, .down = 2, .padding = ops::Padding::all(1)},
          {.taps = square, .padding = ops::Padding::all(2)},
          {.taps = uneven, .padding = {3, 0, -1, 4}, .correlation = true},
          {.taps = uneven, .up = 3, .down = 2, .padding = {-2, 5, 4, 1}, .gain = 9},
          {.taps = uneven, .up = 2, .down = 3, .padding = {4, 2, -1, 3}, .gain = 2, .correlation = true}};
}

TEST(Upfirdn, EqualsItsReferenceOnEveryPath) {
  for (const auto& filter : filters())
    for (const int64_t channels : {1, 3, 16, 70})
      expect_as_reference([&](const auto& x) { return ops::upfirdn(x[0], filter); },
                          [&](const auto& x) { return ops::reference::upfirdn(x[0], filter); },
                          {drawn({2, channels, 6, 5}, "x")}, "upfirdn of " + std::to_string(channels));
}

TEST(Upfirdn, HasRightGradientsOfAnyOrder) {
  for (const auto& filter : filters())
    for (const bool plain : {false, true}) {
      const auto compute = [&](const auto& x) {
        return plain ? ops::reference::upfirdn(x[0], filter) : ops::upfirdn(x[0], filter);
      };
      expect_gradients(compute, {leaf({1, 2, 4, 5})});
      expect_second_gradients([&](const auto& x) { return compute(x).pow(3); }, {leaf({1, 1, 4, 4})});
    }
}

TEST(Upfirdn, HasTheSameBitsForAnyNumberOfThreads) {
  const auto x = drawn({3, 40, 9, 11}, "x");
  expect_same_bits_for_any_threads([&] {
    return Tensors{ops::upfirdn(x, filters()[0]), ops::upfirdn(x, filters()[1])};
  });
}

TEST(Upfirdn, RefusesAMapThatIsTooSmall) {
  expect_error<UserError>(
      [] {
        ops::upfirdn(at::zeros({1, 2, 2, 8}), {.taps = {1, 2, 3, 4}});
      },
      {"upfirdn", "2, 2, 8"});
  expect_error<UserError>([] { ops::upfirdn(at::zeros({2, 2}), {.taps = {1}}); }, {"upfirdn"});
}

struct End {
  std::string name;
  bool scale, bias;
  int64_t noise;  // images of the noise; 0: none
  double slope, gain, clamp;
};
const std::vector<End> ends{{"linear", false, true, 0, 1, 1, 0},        {"leaky", true, true, 3, 0.2, 1.4142135, 0},
                            {"clamped", true, true, 1, 0.2, 1.4, 0.7},  {"half", false, true, 0, 0.2, 1, 0.5},
                            {"gain alone", false, false, 0, 1, 0.7, 0}, {"scale", true, false, 0, 0.2, 1, 0},
                            {"noise alone", false, false, 3, 1, 1, 1.1}};

/// inputs: x, and in this order those of scale, noise and bias that there are.
ops::BiasActivation operands(const End& end, const Tensors& inputs) {
  ops::BiasActivation a;
  size_t k = 1;
  if (end.scale) a.scale = inputs[k++];
  if (end.noise) a.noise = inputs[k++];
  if (end.bias) a.bias = inputs[k++];
  a.slope = end.slope, a.gain = end.gain, a.clamp = end.clamp;
  return a;
}

Tensors operands_for(const End& end, int64_t channels, int64_t height, int64_t width) {
  Tensors given{drawn({3, channels, height, width}, "x")};
  if (end.scale) given.push_back(drawn({3, channels}, "scale"));
  if (end.noise) given.push_back(drawn({end.noise, 1, height, width}, "noise"));
  if (end.bias) given.push_back(drawn({channels}, "bias"));
  return given;
}

TEST(BiasActivation, EqualsItsReferenceOnEveryPath) {
  for (const auto& end : ends)
    for (const int64_t channels : {3, 16, 37})
      expect_as_reference([&](const auto& x) { return ops::bias_activation(x[0], operands(end, x)); },
                          [&](const auto& x) { return ops::reference::bias_activation(x[0], operands(end, x)); },
                          operands_for(end, channels, 20, 17), end.name,
                          end.clamp > 0 ? 0.2 : 1e-2);  // rounding moves values across the limit
}

TEST(BiasActivation, HasRightGradientsOfFirstAndSecondOrder) {
  for (const auto& end : ends) {
    SCOPED_TRACE(end.name);
    Tensors leaves;
    for (const auto& x : operands_for(end, 2, 2, 3)) leaves.push_back(x.to(at::kDouble).requires_grad_());
    const Compute compute = [&](const auto& x) { return ops::bias_activation(x[0], operands(end, x)); };
    expect_gradients(compute, leaves);
    expect_second_gradients([&](const auto& x) { return compute(x).pow(3); }, leaves);
  }
}

TEST(BiasActivation, ClampedValuesHaveNoGradientInAnyType) {
  for (const auto type : {at::kFloat, at::kBFloat16, at::kDouble}) {
    const auto x = at::full({1, 16, 2, 2}, 3., type).requires_grad_();
    ops::bias_activation(x, {.slope = 0.2, .gain = 1, .clamp = 0.7}).sum().backward();
    EXPECT_EQ(x.grad().abs().max().item<double>(), 0) << type;
  }
}

TEST(BiasActivation, TakesRows) {
  const Compute fast = [](const auto& x) {
    return ops::bias_activation(x[0], {.bias = x[1], .slope = 0.2, .gain = 1.4, .clamp = 1});
  };
  const Compute plain = [](const auto& x) {
    return ops::reference::bias_activation(x[0], {.bias = x[1], .slope = 0.2, .gain = 1.4, .clamp = 1});
  };
  expect_as_reference(fast, plain, {drawn({7, 21}, "x"), drawn({21}, "bias")}, "rows", 0.1);
}

TEST(BiasActivation, HasTheSameBitsForAnyNumberOfThreads) {
  const auto given = operands_for(ends[1], 40, 33, 21);
  expect_same_bits_for_any_threads([&] {
    return results_of([&](const auto& x) { return ops::bias_activation(x[0], operands(ends[1], x)); }, given, false);
  });
}

TEST(BiasActivation, RefusesShapesThatDoNotFit) {
  const auto x = at::zeros({2, 3, 4, 4});
  expect_error<UserError>([&] { ops::bias_activation(x, {.bias = at::zeros({4})}); }, {"bias", "4"});
  expect_error<UserError>([&] { ops::bias_activation(x, {.scale = at::zeros({3, 3})}); }, {"scale"});
  expect_error<UserError>([&] { ops::bias_activation(x, {.noise = at::zeros({2, 1, 4, 5})}); }, {"noise"});
}

}  // namespace
}  // namespace fqgan::test
