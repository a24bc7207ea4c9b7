// Batch normalization against LibTorch's in float64, with gain and bias of channels and of images.
#include "fqgan/ops/batch_norm.h"

#include <torch/torch.h>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "ops/kernel_sets.h"
#include "support/gradients.h"

namespace fqgan::test {
namespace {

struct Inputs {
  std::vector<torch::Tensor> leaves;  // x, gain, bias
  torch::Tensor gradient;
};

Inputs inputs_for(torch::IntArrayRef shape, bool conditional, at::ScalarType type, double mean = 0.5) {
  Streams random(4, {});
  const auto parameters = type == at::kDouble ? at::kDouble : at::kFloat;
  const auto affine = conditional ? std::vector<int64_t>{shape[0], shape[1]} : std::vector<int64_t>{shape[1]};
  return {{(random.normal(shape, "x") + mean).to(type).contiguous(at::MemoryFormat::ChannelsLast),
           random.normal(affine, "gain").to(parameters), random.normal(affine, "bias").to(parameters)},
          random.normal(shape, "gradient").to(type)};
}

at::Tensor spread(const at::Tensor& t) { return (t.dim() == 1 ? t.unsqueeze(0) : t).unsqueeze(2).unsqueeze(3); }

/// y, mean, variance, and the gradients of x, gain and bias.
std::vector<at::Tensor> results_of(const Inputs& inputs) {
  std::vector<torch::Tensor> leaves;
  for (const auto& leaf : inputs.leaves) leaves.push_back(leaf.detach().clone().requires_grad_());
  const auto [y, mean, variance] = ops::batch_norm(leaves[0], leaves[1], leaves[2], 1e-5);
  y.backward(inputs.gradient);
  return {y.detach(), mean, variance, leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
}

std::vector<at::Tensor> expected_of(const Inputs& inputs) {
  std::vector<torch::Tensor> leaves;
  for (const auto& leaf : inputs.leaves) leaves.push_back(leaf.detach().to(at::kDouble).clone().requires_grad_());
  const auto y =
      at::batch_norm(leaves[0], {}, {}, {}, {}, true, 0.1, 1e-5, false) * spread(leaves[1]) + spread(leaves[2]);
  y.backward(inputs.gradient.to(at::kDouble));
  const auto x = leaves[0].detach();
  return {y.detach(), x.mean({0, 2, 3}), x.var({0, 2, 3}, false), leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
}

/// On every instruction set.
void expect_close(const Inputs& inputs, double tolerance) {
  const auto expected = expected_of(inputs);
  on_every_instruction_set([&] {
    const auto found = results_of(inputs);
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_LT(((found[i].to(at::kDouble) - expected[i]).norm() / expected[i].norm()).item<double>(), tolerance)
          << "result " << i << " of " << inputs.leaves[0].sizes() << " " << inputs.leaves[0].scalar_type();
  });
}

TEST(BatchNorm, EqualsLibTorchOnEveryPath) {
  for (const auto& shape : std::vector<std::vector<int64_t>>{{3, 5, 4, 6}, {8, 64, 16, 16}, {4, 48, 3, 3}})
    for (const bool conditional : {false, true}) {
      expect_close(inputs_for(shape, conditional, at::kFloat), 3e-6);
      expect_close(inputs_for(shape, conditional, at::kBFloat16), 5e-3);
      expect_close(inputs_for(shape, conditional, at::kDouble), 1e-12);
    }
}

TEST(BatchNorm, ReferenceHasRightSecondGradients) {
  for (const bool conditional : {false, true})
    expect_second_gradients(
        [](const auto& x) { return std::get<0>(ops::reference::batch_norm(x[0], x[1], x[2], 1e-5)).square(); },
        {leaf({3, 2, 2, 2}), conditional ? leaf({3, 2}, 2) : leaf({2}, 2),
         conditional ? leaf({3, 2}, 3) : leaf({2}, 3)});
}

TEST(BatchNorm, KeepsItsDigitsFarFromZero) {
  const auto inputs = inputs_for({16, 32, 16, 16}, false, at::kFloat, 1000);
  const auto expected = expected_of(inputs);
  on_every_instruction_set([&] {
    const auto found = results_of(inputs);
    EXPECT_LT(((found[2].to(at::kDouble) - expected[2]).abs() / expected[2]).max().item<double>(), 1e-4);
  });
}

TEST(BatchNorm, HasTheSameBitsForAnyNumberOfThreads) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const auto inputs = inputs_for({7, 40, 10, 6}, true, type);
    on_every_instruction_set([&] { expect_same_bits_for_any_threads([&] { return results_of(inputs); }); });
  }
}

TEST(BatchNorm, ChannelSumsAreThoseOfFloat64) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const auto x = inputs_for({3, 20, 9, 7}, false, type).leaves[0];
    const auto expected = x.to(at::kDouble).sum({0, 2, 3});
    on_every_instruction_set(
        [&] { EXPECT_LT((ops::channel_sums(x) - expected).abs().max().item<double>(), 1e-4) << type; });
  }
}

TEST(BatchNorm, RefusesWhatDoesNotFit) {
  const auto message = [](torch::IntArrayRef x, torch::IntArrayRef gain) {
    return message_of<UserError>(
        [&] { ops::batch_norm(torch::zeros(x), torch::zeros(gain), torch::zeros(gain), 1e-5); });
  };
  EXPECT_CONTAINS(message({2, 3, 4, 4}, {4}), "batch_norm gain");
  EXPECT_CONTAINS(message({2, 3, 4, 4}, {3, 3}), "[2, 3]");
  EXPECT_CONTAINS(message({0, 3, 4, 4}, {3}), "at least one image");
  EXPECT_CONTAINS(message({2, 3}, {3}), "batch_norm");
}

}  // namespace
}  // namespace fqgan::test
