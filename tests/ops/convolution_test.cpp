// The convolution operator against its reference implementation in float64, on every path: Winograd kernels of every
// instruction set that this processor has, LibTorch's convolutions; sums that do not depend on the threads; bad input.
#include "fqgan/ops/convolution.h"

#include <torch/torch.h>

#include <utility>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"
#include "ops/kernel_sets.h"

namespace fqgan::test {
namespace {

using ops::Resample;

struct Case {
  int64_t images, in, out, height, width;
};

// Channels of one, two and four vectors; tiles that fill no batch; one tile only.
const std::vector<Case> many_channels{{2, 64, 128, 4, 6}, {9, 32, 16, 8, 12}, {2, 16, 48, 10, 6},
                                      {1, 16, 16, 2, 2},  {2, 80, 80, 4, 4},  {1, 64, 64, 6, 14}};
// From and to images, with rows of pixels that fill no block; channels that no kernel takes.
const std::vector<Case> few_channels{{2, 3, 64, 6, 8}, {3, 1, 16, 6, 10}, {2, 4, 32, 4, 18},
                                     {2, 2, 16, 2, 6}, {2, 48, 3, 6, 12}, {3, 16, 1, 10, 8},
                                     {1, 32, 2, 4, 4}, {2, 64, 4, 8, 2},  {2, 5, 7, 4, 4}};

struct Inputs {
  std::vector<torch::Tensor> leaves;  // x, weight, bias, residual (if any)
  torch::Tensor gradient;
};

Inputs inputs_for(const Case& c, int64_t kernel, Resample form, const std::string& residual, at::ScalarType type) {
  Streams random(3, {});
  const auto map = [&](torch::IntArrayRef shape, const char* name) {
    return random.normal(shape, name).to(type).contiguous(at::MemoryFormat::ChannelsLast);
  };
  const auto size = [&](int64_t n) { return form == Resample::up ? 2 * n : form == Resample::down ? n / 2 : n; };
  const int64_t h = size(c.height), w = size(c.width), ratio = residual == "half" ? 2 : 1;
  Inputs inputs{{map({c.images, c.in, c.height, c.width}, "x"),
                 random.normal({c.out, c.in, kernel, kernel}, "weight") * 0.1, random.normal({c.out}, "bias")},
                map({c.images, c.out, h, w}, "gradient")};
  if (!residual.empty()) inputs.leaves.push_back(map({c.images, c.out, h / ratio, w / ratio}, "residual"));
  return inputs;
}

using Operator = at::Tensor (*)(const at::Tensor&, const ops::Convolution&);

/// Output and gradients of all leaves.
std::vector<at::Tensor> results_of(Operator op, const Inputs& inputs, at::ScalarType type, Resample form, bool relu) {
  std::vector<torch::Tensor> leaves;
  for (const auto& leaf : inputs.leaves)
    leaves.push_back((type == at::kDouble ? leaf.to(type) : leaf).detach().clone().requires_grad_());
  const auto residual = leaves.size() > 3 ? std::optional(leaves[3]) : std::nullopt;
  const auto y = op(leaves[0], {leaves[1], leaves[2], residual, form, relu});
  y.backward(inputs.gradient.to(y.scalar_type()));
  std::vector<at::Tensor> results{y.detach()};
  for (const auto& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

double relative_error(const at::Tensor& found, const at::Tensor& expected) {
  const auto wide = found.to(at::kDouble);
  return ((wide - expected).norm() / expected.norm().clamp_min(1e-12)).item<double>();
}

/// On every instruction set, with and without ReLU and residuals.
void expect_equal_to_the_reference(const Case& c, int64_t kernel, Resample form, at::ScalarType type,
                                   double tolerance) {
  for (const auto& [relu, residual] : std::vector<std::pair<bool, std::string>>{
           {false, ""}, {false, "full"}, {false, "half"}, {true, ""}, {true, "full"}}) {
    const auto inputs = inputs_for(c, kernel, form, residual, type);
    if (residual == "half" && (inputs.gradient.size(2) % 2 || inputs.gradient.size(3) % 2)) continue;
    const auto expected = results_of(ops::reference::convolution, inputs, at::kDouble, form, relu);
    on_every_instruction_set([&, relu = relu, &residual = residual] {
      const auto found = results_of(ops::convolution, inputs, type, form, relu);
      for (size_t i = 0; i < found.size(); ++i)
        EXPECT_LT(relative_error(found[i], expected[i]), tolerance)
            << "result " << i << " of " << c.images << " images, " << c.in << " -> " << c.out << " channels, kernel "
            << kernel << ", " << type << ", form " << static_cast<int>(form) << ", residual '" << residual << "', relu "
            << relu;
    });
  }
}

TEST(Convolution, EqualsItsReferenceOnEveryPath) {
  const auto expect_equal = [](const Case& c, int64_t kernel) {
    for (const auto form : {Resample::none, Resample::up, Resample::down}) {
      expect_equal_to_the_reference(c, kernel, form, at::kFloat, 2e-6);
      expect_equal_to_the_reference(c, kernel, form, at::kBFloat16, 8e-3);
    }
  };
  for (const auto& c : many_channels) expect_equal(c, 3);
  expect_equal(many_channels[1], 1);
  for (const auto& c : few_channels)
    for (const int64_t kernel : {1, 3}) expect_equal(c, kernel);
}

TEST(Convolution, HasTheSameBitsForAnyNumberOfThreads) {
  on_every_instruction_set([] {
    if (!ops::kernels::active().winograd_float32) return;
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      if (type == at::kBFloat16 && !ops::kernels::active().winograd_bfloat16) continue;
      const auto expect_same = [&](const Case& c, Resample form, bool relu) {
        const auto inputs = inputs_for(c, 3, form, relu ? "full" : "", type);
        expect_same_bits_for_any_threads([&] { return results_of(ops::convolution, inputs, type, form, relu); });
      };
      for (const auto& c : {Case{5, 128, 256, 6, 6}, Case{3, 16, 32, 12, 8}}) expect_same(c, Resample::down, true);
      for (const auto& c : {Case{5, 3, 32, 8, 8}, Case{5, 32, 1, 8, 8}}) expect_same(c, Resample::none, false);
    }
  });
}

TEST(Convolution, PassesNaNOn) {
  on_every_instruction_set([] {
    auto x = torch::ones({1, 16, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast);
    x[0][3][1][1] = std::nan("");
    for (const int64_t out : {16, 2}) {
      const auto y = ops::convolution(x, {torch::ones({out, 16, 3, 3}), {}, {}, Resample::none, true});
      EXPECT_TRUE(at::isnan(y[0][0][0][0]).item<bool>());
    }
  });
}

TEST(Convolution, RefusesASecondDerivativeOfAFusedFormButItsReferenceHasOne) {
  const auto x = at::randn({2, 4, 8, 8}).requires_grad_(), weight = at::randn({4, 4, 3, 3});
  const auto gradient_of = [&](const at::Tensor& y) {
    return torch::autograd::grad({y.square().sum()}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true)[0];
  };
  ops::Convolution fused{weight};
  fused.relu = true;
  const auto first = gradient_of(ops::convolution(x, fused));
  EXPECT_THROW(torch::autograd::grad({first.sum()}, {x}), c10::Error);
  const auto plain = gradient_of(ops::reference::convolution(x, fused));
  EXPECT_LT((first - plain).abs().max().item<double>(), 1e-3);
  EXPECT_TRUE(torch::autograd::grad({plain.sum()}, {x})[0].defined());
}

TEST(Convolution, RefusesWhatDoesNotFit) {
  const auto x = torch::zeros({2, 16, 4, 5}), w = torch::zeros({16, 16, 3, 3});
  const auto message = [&](const at::Tensor& images, const ops::Convolution& c) {
    return message_of<UserError>([&] { ops::convolution(images, c); });
  };
  EXPECT_CONTAINS(message(x, {w, {}, {}, Resample::down}), "even height and width");
  EXPECT_CONTAINS(message(torch::zeros({2, 8, 4, 4}), {w}), "[any, 16, any, any]");
  EXPECT_CONTAINS(message(x, {torch::zeros({16, 16, 5, 5})}), "1 x 1 or 3 x 3");
  EXPECT_CONTAINS(message(x, {w, torch::zeros({8})}), "convolution bias");
  EXPECT_CONTAINS(message(x, {w, {}, torch::zeros({2, 16, 3, 5})}), "convolution residual");
}

}  // namespace
}  // namespace fqgan::test
