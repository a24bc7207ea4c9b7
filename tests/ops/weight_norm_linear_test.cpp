// The weight-normalized linear layer against its reference implementation in float64, on every path; and the optimizer
// step beside it.
#include "fqgan/ops/weight_norm_linear.h"

#include <torch/torch.h>

#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "fqgan/ops/adam.h"
#include "ops/kernel_sets.h"
#include "support/gradients.h"

namespace fqgan::test {
namespace {

struct Inputs {
  std::vector<at::Tensor> leaves;  // x, weight, scale, bias
  at::Tensor gradient;
};

Inputs inputs_for(int64_t rows, int64_t in, int64_t out, at::ScalarType type) {
  Streams random(8, {});
  const auto parameters = type == at::kDouble ? at::kDouble : at::kFloat;
  return {{random.normal({rows, in}, "x").to(type), random.normal({out, in}, "weight").to(parameters),
           random.normal({out}, "scale").to(parameters) + 2, random.normal({out}, "bias").to(parameters)},
          random.normal({rows, out}, "gradient").to(type)};
}

/// y, and the gradients of x, weight, scale and bias.
template <class Layer>
std::vector<at::Tensor> results_of(const Inputs& inputs, bool relu, bool in_double, Layer layer) {
  std::vector<at::Tensor> leaves;
  for (const auto& leaf : inputs.leaves)
    leaves.push_back(leaf.to(in_double ? at::kDouble : leaf.scalar_type(), false, true).requires_grad_());
  const auto y = layer(leaves[0], leaves[1], leaves[2], leaves[3], relu);
  y.backward(inputs.gradient.to(y.scalar_type()));
  return {y.detach(), leaves[0].grad(), leaves[1].grad(), leaves[2].grad(), leaves[3].grad()};
}

/// On every instruction set.
void expect_close(const Inputs& inputs, bool relu, double tolerance) {
  const auto expected = results_of(inputs, relu, true, ops::reference::weight_norm_linear);
  on_every_instruction_set([&] {
    const auto found = results_of(inputs, relu, false, ops::weight_norm_linear);
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].scalar_type(), i < 2 ? inputs.leaves[0].scalar_type() : inputs.leaves[1].scalar_type());
      EXPECT_LT(((found[i].to(at::kDouble) - expected[i]).norm() / expected[i].norm()).item<double>(), tolerance)
          << "result " << i << ", relu " << relu << ", " << inputs.leaves[1].sizes();
    }
  });
}

TEST(WeightNormLinear, EqualsItsReferenceOnEveryPath) {
  for (const auto& [rows, in, out] : {std::tuple{300, 784, 250}, {7, 13, 5}, {5, 2, 3}, {64, 33, 1000}})
    for (const bool relu : {false, true}) {
      expect_close(inputs_for(rows, in, out, at::kFloat), relu, 2e-6);
      expect_close(inputs_for(rows, in, out, at::kBFloat16), relu, 0.05);  // where y's sign is rounding, relu differs
      expect_close(inputs_for(rows, in, out, at::kDouble), relu, 1e-13);
    }
}

TEST(WeightNormLinear, HasRightGradients) {
  const auto inputs = inputs_for(3, 5, 4, at::kDouble);
  std::vector<at::Tensor> leaves;
  for (const auto& leaf : inputs.leaves) leaves.push_back(leaf.clone().requires_grad_());
  expect_gradients([](const auto& x) { return ops::weight_norm_linear(x[0], x[1], x[2], x[3], true).square().sum(); },
                   leaves);
}

TEST(WeightNormLinear, HasTheSameBitsForEveryInstructionSetAroundItsProducts) {
  // Products of one column by one row are single multiplications: what is left are the kernels around them.
  const auto inputs = inputs_for(40, 1, 300, at::kFloat);
  std::vector<at::Tensor> first;
  on_every_instruction_set([&] {
    const auto made = results_of(inputs, true, false, ops::weight_norm_linear);
    if (first.empty()) first = made;
    EXPECT_TRUE(at::equal(first[0], made[0]));
    EXPECT_TRUE(at::equal(first[4], made[4]));
  });
}

TEST(WeightNormLinear, GivesOnlyWhatIsWanted) {
  const auto inputs = inputs_for(6, 5, 4, at::kFloat);
  const auto x = inputs.leaves[0].clone().requires_grad_();
  ops::weight_norm_linear(x, inputs.leaves[1], inputs.leaves[2], inputs.leaves[3], false).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  const auto weight = inputs.leaves[1].clone().requires_grad_();
  ops::weight_norm_linear(inputs.leaves[0], weight, inputs.leaves[2], inputs.leaves[3], false).sum().backward();
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(inputs.leaves[2].grad().defined());
}

TEST(WeightNormLinear, RefusesASecondDerivativeAndWhatDoesNotFit) {
  const auto inputs = inputs_for(6, 5, 4, at::kFloat);
  const auto x = inputs.leaves[0].clone().requires_grad_();
  const auto y = ops::weight_norm_linear(x, inputs.leaves[1], inputs.leaves[2], inputs.leaves[3], false);
  const auto first = torch::autograd::grad({y.square().sum()}, {x}, {}, true, true)[0];
  EXPECT_THROW(torch::autograd::grad({first.sum()}, {x}), c10::Error);
  const auto message = message_of<UserError>([&] {
    ops::weight_norm_linear(x, torch::ones({4, 6}), inputs.leaves[2], inputs.leaves[3], false);
  });
  EXPECT_CONTAINS(message, "expected shape [any, 6], got [6, 5]");
}

TEST(AdamEpsilonInRoot, IsTheFormulaOnEveryPath) {
  Streams random(9, {});
  on_every_instruction_set([&] {
    for (const auto type : {at::kFloat, at::kDouble}) {
      auto p = random.normal({300, 37}, "p").to(type), m = at::zeros_like(p), v = at::zeros_like(p);
      auto expected = p.to(at::kDouble, false, true);
      auto expected_m = at::zeros_like(expected), expected_v = at::zeros_like(expected);
      for (int t = 1; t <= 3; ++t) {
        const auto g = random.normal({300, 37}, "g").to(type) * 1e-4, wide = g.to(at::kDouble);
        ops::adam_epsilon_in_root_(p, g, m, v, {3e-3, 0.5, 0.999, 1e-8, static_cast<double>(t)});
        expected_m = expected_m * 0.5 + wide * 0.5;
        expected_v = expected_v * 0.999 + wide * wide * 0.001;
        expected = expected -
                   3e-3 * (expected_m / (1 - std::pow(0.5, t))) / (expected_v / (1 - std::pow(0.999, t)) + 1e-8).sqrt();
      }
      EXPECT_LT((p.to(at::kDouble) - expected).abs().max().item<double>(), type == at::kFloat ? 1e-6 : 1e-14);
    }
  });
}

}  // namespace
}  // namespace fqgan::test
