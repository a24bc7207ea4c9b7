// Minibatch discrimination against its formula in float64 and numerical gradients, on every instruction set.
#include "fqgan/ops/minibatch_discrimination.h"

#include <torch/torch.h>

#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "ops/kernel_sets.h"
#include "support/gradients.h"

namespace fqgan::test {
namespace {

using Operator = at::Tensor (*)(const at::Tensor&);

/// o and the gradient of m.
std::vector<at::Tensor> results_of(Operator op, const at::Tensor& m, const at::Tensor& gradient) {
  const auto leaf = m.detach().clone().requires_grad_();
  const auto o = op(leaf);
  o.backward(gradient.to(o.scalar_type()));
  return {o.detach(), leaf.grad()};
}

double error(const at::Tensor& found, const at::Tensor& expected) {
  return ((found.to(at::kDouble) - expected).norm() / expected.norm().clamp_min(1e-12)).item<double>();
}

TEST(MinibatchDiscrimination, EqualsItsFormulaOnEveryInstructionSet) {
  for (const auto& shape : std::vector<std::vector<int64_t>>{
           {5, 3, 2}, {1, 2, 3}, {16, 7, 5}, {33, 4, 1}, {70, 2, 9}, {40, 3, 20}, {100, 1, 33}, {60, 20, 40}})
    for (const auto type : {at::kFloat, at::kBFloat16, at::kDouble}) {
      Streams random(5, {});
      const auto m = (random.normal(shape, "m") * (shape[1] == 20 ? 0.1 : 0.6)).to(type);
      const auto gradient = random.normal({shape[0], shape[1]}, "gradient").to(type);
      const auto expected = results_of(ops::reference::minibatch_discrimination, m.to(at::kDouble), gradient);
      const double tolerance = type == at::kDouble ? 1e-12 : type == at::kFloat ? 2e-6 : 6e-3;
      on_every_instruction_set([&] {
        const auto found = results_of(ops::minibatch_discrimination, m, gradient);
        for (size_t i = 0; i < found.size(); ++i)
          EXPECT_LT(error(found[i], expected[i]), tolerance) << i << " of " << at::IntArrayRef(shape) << " " << type;
      });
    }
}

TEST(MinibatchDiscrimination, ReferenceIsTheFormulaWithRightSecondGradients) {
  const auto m = leaf({4, 2, 3});
  const auto o = ops::reference::minibatch_discrimination(m);
  const auto value = m.accessor<double, 3>();
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t b = 0; b < 2; ++b) {
      double sum = 0;
      for (int64_t j = 0; j < 4; ++j) {
        double distance = 0;
        for (int64_t c = 0; c < 3; ++c) distance += std::abs(value[i][b][c] - value[j][b][c]);
        if (j != i) sum += std::exp(-distance);
      }
      EXPECT_NEAR(o[i][b].item<double>(), sum, 1e-14);
    }
  expect_second_gradients([](const auto& x) { return ops::reference::minibatch_discrimination(x[0]); }, {m});
}

TEST(MinibatchDiscrimination, TakesEmptyTensors) {
  for (const auto& shape : std::vector<std::vector<int64_t>>{{0, 2, 3}, {3, 0, 2}, {3, 2, 0}}) {
    const auto m = at::zeros(shape), gradient = at::ones({shape[0], shape[1]});
    const auto found = results_of(ops::minibatch_discrimination, m, gradient);
    const auto expected = results_of(ops::reference::minibatch_discrimination, m, gradient);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::equal(found[i], expected[i])) << at::IntArrayRef(shape);
  }
}

TEST(MinibatchDiscrimination, GradientIsTheNumericalOne) {
  Streams random(6, {});
  const auto m = random.normal({4, 2, 3}, "m").to(at::kDouble);
  const auto weight = random.normal({4, 2}, "weight").to(at::kDouble);
  const auto gradient = results_of(ops::minibatch_discrimination, m, weight)[1];
  constexpr double step = 1e-6;
  for (int64_t i = 0; i < m.numel(); ++i) {
    const auto at_offset = [&](double offset) {
      auto moved = m.clone();
      moved.view(-1)[i] += offset;
      return (ops::minibatch_discrimination(moved) * weight).sum().item<double>();
    };
    EXPECT_NEAR(gradient.view(-1)[i].item<double>(), (at_offset(step) - at_offset(-step)) / (2 * step), 1e-7);
  }
}

TEST(MinibatchDiscrimination, TellsACollapsedBatchFromAVariedOne) {
  on_every_instruction_set([] {
    Streams random(7, {});
    const auto one = random.normal({1, 6, 5}, "one"), varied = random.normal({40, 6, 5}, "varied") * 4;
    const auto of_collapsed = results_of(ops::minibatch_discrimination, one.repeat({40, 1, 1}), at::ones({40, 6}));
    EXPECT_TRUE(at::allclose(of_collapsed[0], at::full({40, 6}, 39.)));  // each is as close as can be to all others
    EXPECT_EQ(of_collapsed[1].abs().max().item<float>(), 0);             // and no direction is better than another
    EXPECT_LT(ops::minibatch_discrimination(varied).max().item<float>(), 1);
  });
}

TEST(MinibatchDiscrimination, HasTheSameBitsForAnyNumberOfThreadsAndInstructionSet) {
  Streams random(8, {});
  const auto m = random.normal({50, 9, 20}, "m") * 0.3, gradient = random.normal({50, 9}, "gradient");
  std::vector<at::Tensor> first;
  on_every_instruction_set([&] {
    const auto found = results_of(ops::minibatch_discrimination, m, gradient);
    if (first.empty()) first = found;
    for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::equal(first[i], found[i])) << i;
    expect_same_bits_for_any_threads([&] { return results_of(ops::minibatch_discrimination, m, gradient); });
  });
}

TEST(MinibatchDiscrimination, FarExamplesCountNothingAndNaNPasses) {
  on_every_instruction_set([] {
    auto m = at::zeros({3, 1, 2});
    m[0] += 1e6;
    m[1] -= 1e30;
    EXPECT_EQ(ops::minibatch_discrimination(m).abs().max().item<float>(), 0);
    m[2][0][1] = std::nan("");
    EXPECT_TRUE(at::isnan(ops::minibatch_discrimination(m)).all().item<bool>());
  });
}

TEST(MinibatchDiscrimination, RefusesWhatItCannotTake) {
  EXPECT_CONTAINS(message_of<UserError>([] {
                    ops::minibatch_discrimination(at::zeros({3, 4}));
                  }),
                  "minibatch_discrimination");
  EXPECT_CONTAINS(message_of<UserError>([] {
                    ops::minibatch_discrimination(at::zeros({3, 4, 2}, at::kLong));
                  }),
                  "float32");
}

TEST(MinibatchDiscrimination, HasSecondDerivatives) {
  expect_second_gradients([](const auto& x) { return ops::minibatch_discrimination(x[0]); }, {leaf({4, 2, 3})});
}

}  // namespace
}  // namespace fqgan::test
