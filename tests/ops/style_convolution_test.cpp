// The convolutions of StyleGAN2, whose gradients are differentiated again: the convolution without ReLU and residual,
// with and without a border, those that change the size together with a filter, and those of maps that are scaled by a
// style, against plain operators in float64.
#include <torch/torch.h>

#include <array>
#include <cmath>

#include "fqgan/core/error.h"
#include "fqgan/ops/convolution.h"
#include "fqgan/ops/filtered_convolution.h"
#include "ops/against_reference.h"
#include "support/gradients.h"

namespace fqgan::test {
namespace {

TEST(Convolution, ThePlainFormHasSecondGradients) {
  for (const int64_t kernel : {1, 3}) {
    const Compute compute = [&](const auto& x) { return ops::convolution(x[0], {x[1], x[2]}).pow(2); };
    expect_second_gradients(compute, {leaf({2, 3, 4, 4}), leaf({2, 3, kernel, kernel}, 2), leaf({2}, 3)});
  }
}

using ops::Resample;

/// `fast` where no gradient is recorded, in float32 and bfloat16, against `plain` in float64.
void expect_results_without_gradients(const Compute& fast, const Compute& plain, const Tensors& given) {
  const torch::NoGradGuard no_grad;
  for (const auto& [type, tolerance] : {std::pair{at::kFloat, 2e-6}, std::pair{at::kBFloat16, 1e-2}}) {
    auto inputs = given;
    inputs[0] = inputs[0].to(type);
    Tensors wide;
    for (const auto& x : inputs) wide.push_back(x.to(at::kDouble));
    const auto expected = plain(wide);
    on_every_instruction_set([&] {
      const auto apart = (fast(inputs).to(at::kDouble) - expected).norm() / expected.norm();
      EXPECT_LT(apart.item<double>(), tolerance) << type;
    });
  }
}

/// The gradients, by all inputs, of a penalty on the gradient of `compute` by its first input.
Tensors penalty_gradients(const Compute& compute, const Tensors& given, at::ScalarType type) {
  Tensors x;
  for (const auto& one : given) x.push_back(one.to(type, false, true).requires_grad_());
  const auto slope = torch::autograd::grad({compute(x).pow(2).sum()}, {x[0]}, {}, true, true)[0];
  return torch::autograd::grad({slope.pow(2).sum()}, x);
}

void expect_second_gradients_of_kernels(const Compute& fast, const Compute& plain, const Tensors& given) {
  const auto expected = penalty_gradients(plain, given, at::kDouble);
  on_every_instruction_set([&] {
    const auto found = penalty_gradients(fast, given, at::kFloat);
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_LT(((found[i].to(at::kDouble) - expected[i]).norm() / expected[i].norm()).item<double>(), 5e-6) << i;
  });
}

TEST(Convolution, SecondGradientsOfTheKernelsEqualThoseOfPlainOperators) {
  const Tensors given{drawn({2, 32, 8, 8}, "x"), drawn({48, 32, 3, 3}, "weight") * 0.1, drawn({48}, "bias")};
  for (const auto form : {Resample::none, Resample::up, Resample::down}) {
    SCOPED_TRACE(static_cast<int>(form));
    const auto of = [&](const Tensors& x) { return ops::Convolution{.weight = x[1], .bias = x[2], .resample = form}; };
    expect_second_gradients_of_kernels([&](const auto& x) { return ops::convolution(x[0], of(x)); },
                                       [&](const auto& x) { return ops::reference::convolution(x[0], of(x)); }, given);
  }
}

// Channels of our kernels and others, one tile of the smaller map, and maps that are not square.
const std::vector<std::array<int64_t, 5>> borders{
    {2, 32, 48, 8, 12}, {3, 16, 16, 6, 6}, {1, 64, 128, 10, 8}, {2, 3, 5, 8, 6}};

TEST(Convolution, WithABorderEqualsItsReferenceOnEveryPath) {
  for (const auto& [images, in, out, height, width] : borders)
    for (const auto form : {Resample::up, Resample::down}) {
      const auto of = [&](const Tensors& x) {
        return ops::Convolution{.weight = x[1], .resample = form, .border = true};
      };
      expect_as_reference([&](const auto& x) { return ops::convolution(x[0], of(x)); },
                          [&](const auto& x) { return ops::reference::convolution(x[0], of(x)); },
                          {drawn({images, in, height, width}, "x"), drawn({out, in, 3, 3}, "weight") * 0.1},
                          "border " + std::to_string(static_cast<int>(form)) + " of " + std::to_string(in));
    }
}

TEST(Convolution, ABorderIsForResamplingAlone) {
  const auto x = at::zeros({2, 16, 4, 4}), weight = at::zeros({16, 16, 3, 3});
  const auto refused = [&](const ops::Convolution& c, const char* text) {
    expect_error<UserError>([&] { ops::convolution(x, c); }, {"convolution", text});
  };
  refused({.weight = weight, .border = true}, "a border needs");
  refused({.weight = weight, .bias = at::zeros({16}), .resample = Resample::up, .border = true}, "a border needs");
  refused({.weight = weight, .resample = Resample::down, .border = true}, "at least 6 x 6");
}

TEST(FilteredConvolution, EqualsItsReferenceOnEveryPath) {
  for (const auto& [images, in, out, height, width] : borders)
    for (const auto form : {Resample::up, Resample::down})
      expect_as_reference([&](const auto& x) { return ops::filtered_convolution(x[0], x[1], form); },
                          [&](const auto& x) { return ops::reference::filtered_convolution(x[0], x[1], form); },
                          {drawn({images, in, height, width}, "x"), drawn({out, in, 3, 3}, "weight") * 0.1},
                          "filtered " + std::to_string(static_cast<int>(form)) + " of " + std::to_string(in));
}

TEST(FilteredConvolution, SecondGradientsOfTheKernelsEqualThoseOfPlainOperators) {
  const Tensors given{drawn({2, 32, 8, 6}, "x"), drawn({48, 32, 3, 3}, "weight") * 0.1};
  for (const auto form : {Resample::up, Resample::down})
    expect_second_gradients_of_kernels(
        [&](const auto& x) { return ops::filtered_convolution(x[0], x[1], form); },
        [&](const auto& x) { return ops::reference::filtered_convolution(x[0], x[1], form); }, given);
}

TEST(FilteredConvolution, HasTheSameBitsForAnyNumberOfThreads) {
  const Tensors given{drawn({3, 32, 10, 8}, "x"), drawn({48, 32, 3, 3}, "weight")};
  for (const auto form : {Resample::up, Resample::down})
    expect_same_bits_for_any_threads([&] {
      return results_of([&](const auto& x) { return ops::filtered_convolution(x[0], x[1], form); }, given, false);
    });
}

/// x, weight, style, and the scale, noise and bias of the layer's end.
Tensors operands_of_layer(const std::array<int64_t, 5>& sizes, int64_t times, int64_t images_of_noise) {
  const auto& [images, in, out, height, width] = sizes;
  return {drawn({images, in, height, width}, "x"),
          drawn({out, in, 3, 3}, "weight") * 0.1,
          drawn({images, in}, "style"),
          drawn({images, out}, "scale"),
          drawn({images_of_noise, 1, times * height, times * width}, "noise"),
          drawn({out}, "bias")};
}

ops::BiasActivation with_operands(ops::BiasActivation end, const Tensors& x) {
  end.scale = x[3], end.noise = x[4], end.bias = x[5];
  return end;
}

/// The layer, and the same by plain operators.
Compute styled(bool up, const ops::BiasActivation& numbers) {
  return [=](const Tensors& x) {
    const auto end = with_operands(numbers, x);
    return up ? ops::styled_upsampling(x[0], x[2], x[1], end) : ops::styled_convolution(x[0], x[2], x[1], end);
  };
}
Compute styled_by_plain_operators(bool up, const ops::BiasActivation& numbers) {
  return [=](const Tensors& x) {
    const auto scaled = x[0] * x[2].unsqueeze(2).unsqueeze(3);
    const auto y = up ? ops::reference::filtered_convolution(scaled, x[1], Resample::up)
                      : ops::reference::convolution(scaled, {x[1]});
    return ops::reference::bias_activation(y, with_operands(numbers, x));
  };
}

TEST(StyledConvolution, WithAndWithoutGradientsItEqualsPlainOperators) {
  for (const auto& sizes : borders)
    for (const bool up : {false, true})
      for (const int64_t images_of_noise : {int64_t{1}, sizes[0]}) {
        SCOPED_TRACE(std::to_string(sizes[1]) + (up ? " channels, up" : " channels"));
        const auto given = operands_of_layer(sizes, up ? 2 : 1, images_of_noise);
        const ops::BiasActivation linear{.gain = 0.7};  // a kink has another gradient on either side of rounding
        expect_as_reference(styled(up, linear), styled_by_plain_operators(up, linear), given, "styled");
        for (const double clamp : {0., 0.5}) {
          const auto leaky = ops::leaky_relu(1, clamp);
          expect_results_without_gradients(styled(up, leaky), styled_by_plain_operators(up, leaky), given);
        }
      }
}

TEST(StyledConvolution, TakesAWeightInAnyOrderAndAnySlope) {
  const torch::NoGradGuard no_grad;
  auto given = operands_of_layer({2, 16, 32, 4, 6}, 1, 1);
  for (const bool up : {false, true}) {
    if (up) given[4] = drawn({1, 1, 8, 12}, "noise");
    const ops::BiasActivation steep{.slope = 2};
    const auto expected = styled_by_plain_operators(up, steep)(given);
    auto other = given;
    other[1] = given[1].contiguous(at::MemoryFormat::ChannelsLast);
    EXPECT_LT((styled(up, steep)(other) - expected).abs().max().item<double>(), 1e-4);
    const ops::BiasActivation linear;
    const auto of_linear = styled_by_plain_operators(up, linear)(given);
    EXPECT_LT((styled(up, linear)(other) - of_linear).abs().max().item<double>(), 1e-4);
  }
}

TEST(StyledConvolution, NaNPassesTheLimits) {
  on_every_instruction_set([] {
    const torch::NoGradGuard no_grad;
    auto x = at::ones({1, 16, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast);
    x[0][3][1][1] = std::nan("");
    const auto y = ops::styled_convolution(x, at::ones({1, 16}), at::ones({16, 16, 3, 3}), ops::leaky_relu(1, 2));
    EXPECT_TRUE(at::isnan(y[0][0][0][0]).item<bool>());
    EXPECT_EQ(y[0][0][3][3].item<float>(), 2);
  });
}

TEST(StyledConvolution, RefusesWhatDoesNotFit) {
  const auto x = at::zeros({2, 16, 4, 4}), weight = at::zeros({16, 16, 3, 3}), style = at::zeros({2, 16});
  const auto refused = [&](const at::Tensor& factors, const ops::BiasActivation& end, const char* text) {
    expect_error<UserError>([&] { ops::styled_convolution(x, factors, weight, end); }, {text});
  };
  refused(at::zeros({1, 16}), {}, "convolution style");
  const torch::NoGradGuard no_grad;  // our kernels read 3 x 3 weights
  expect_error<UserError>([&] { ops::styled_convolution(x, style, at::zeros({16, 16, 3, 1}), {}); }, {"3 x 3"});
  refused(style, {.bias = at::zeros({8})}, "convolution bias");
  refused(style, {.scale = at::zeros({2, 8})}, "convolution scale");
  refused(style, {.noise = at::zeros({2, 1, 4, 5})}, "convolution noise");
  expect_error<UserError>(
      [&] {
        ops::styled_upsampling(x, style, weight, {.noise = at::zeros({2, 1, 4, 4})});
      },
      {"convolution noise"});
}

}  // namespace
}  // namespace fqgan::test
