// The convolution layer in every form besides the operator's: kernels, strides, groups, borders, transposed, resampled.
// First and second numerical gradients, sizes, and what it refuses. tests/parity/test_layers.py compares with PyTorch.
#include <optional>

#include "fqgan/core/error.h"
#include "fqgan/nn/copy.h"
#include "fqgan/nn/layers.h"
#include "support/gradients.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

WeightOptions plain(WeightNormalization normalization = WeightNormalization::none) {
  WeightOptions weight;
  weight.normalization = normalization;
  weight.initialisation = "xavier";
  return weight;
}

Conv2d layer_of(const Conv2dOptions& options, const WeightOptions& weight = plain()) {
  Streams random(5, {});
  Conv2d layer(options, weight, random);
  convert(*layer, torch::kDouble);
  torch::NoGradGuard no_grad;
  if (layer->bias.defined()) layer->bias.copy_(leaf({options.out}, 8));
  return layer;
}

/// First gradients in both passes and second ones in the plain pass, of x, residual (if any) and all parameters.
void expect_all_gradients(const Conv2d& convolution, std::vector<torch::Tensor> inputs) {
  const auto residual = inputs.size() > 1 ? std::optional(1) : std::nullopt;
  for (const auto& parameter : convolution->parameters()) inputs.push_back(parameter);
  TestPass fast, plain_pass;
  plain_pass.pass.reference_operators = true;
  const auto forward = [&](const auto& in, Pass& pass) {
    return Conv2d(convolution)->forward(in[0], pass, residual ? in[1] : torch::Tensor());
  };
  EXPECT_LT((forward(inputs, fast.pass) - forward(inputs, plain_pass.pass)).abs().max().template item<double>(), 1e-12);
  for (auto* t : {&fast, &plain_pass}) expect_gradients([&](const auto& in) { return forward(in, t->pass); }, inputs);
  expect_second_gradients([&](const auto& in) { return forward(in, plain_pass.pass).pow(2); }, inputs);
}

/// One of every kind of what surrounds the kernel, alternating.
void vary(Conv2dOptions& options, int64_t number) {
  options.bias = number % 2 == 0;
  options.relu = number % 3 == 0;
}

void expect_form(Conv2dOptions options, int64_t number) {
  SCOPED_TRACE("form " + std::to_string(number));
  vary(options, number);
  auto layer = layer_of(options);
  std::vector<torch::Tensor> inputs{leaf({1, options.in, 4, 4})};
  TestPass t;
  if (number % 4 < 2) {
    auto y = layer->forward(inputs[0], t.pass).detach();
    if (number % 4 == 1 && y.size(2) % 2 == 0 && y.size(3) % 2 == 0) y = at::avg_pool2d(y, 2);  // half: upsampled
    inputs.push_back(leaf(y.sizes().vec(), 4));
  }
  expect_all_gradients(layer, inputs);
}

TEST(Conv2dGrid, HasRightGradients) {
  int64_t number = 0;
  for (const KernelSize kernel : {KernelSize(3), KernelSize(2, 3)})
    for (const int64_t groups : {1, 2})
      for (const auto border : {Border::zeros, Border::reflect, Border::replicate})
        for (const auto& padding : {std::optional<Padding>(), std::optional(Padding{1, 2, 0, 1})})
          for (const int64_t stride : {1, 2})
            for (const auto resample : {Resample::none, Resample::up, Resample::down}) {
              if (stride > 1 && resample != Resample::none) continue;
              Conv2dOptions options{.in = 2, .out = 2, .kernel = kernel, .resample = resample, .stride = stride};
              options.groups = groups;
              options.padding = padding;
              options.border = border;
              const auto height = 4 + (padding ? 2 - kernel.height : 0);  // down: an even number of rows is needed
              if (resample == Resample::down && height % 2) options.padding = Padding{1, 2, 1, kernel.height - 2};
              if (options.padding && resample == Resample::down) options.padding->right = kernel.width - 2;
              expect_form(options, number++);
            }
  EXPECT_EQ(number, 96);
}

TEST(Conv2dGrid, TransposedHasRightGradients) {
  int64_t number = 0;
  for (const KernelSize kernel : {KernelSize(3), KernelSize(2, 3), KernelSize(4), KernelSize(1)})
    for (const int64_t groups : {1, 2})
      for (const int64_t stride : {1, 2, 3})
        for (const bool cropped : {true, false}) {
          if (stride == 1 && kernel.height % 2 == 0 && cropped) continue;  // cannot keep the map
          Conv2dOptions options{.in = 2, .out = 4, .kernel = kernel, .stride = stride};
          options.groups = groups;
          options.transposed = true;
          if (!cropped) {  // as StyleGAN2 before its filter
            options.padding = Padding{};
            options.output_padding = 0;
          }
          if (cropped) {
            auto layer = layer_of(options);
            TestPass t;
            EXPECT_EQ(layer->forward(leaf({2, 2, 3, 5}), t.pass).sizes(),
                      (torch::IntArrayRef{2, 4, 3 * stride, 5 * stride}));
          }
          expect_form(options, number++);
        }
  EXPECT_EQ(number, 44);
}

TEST(Conv2dKernels, FromOneToSevenPixelsHaveRightGradients) {
  int64_t number = 0;
  for (const KernelSize kernel :
       {KernelSize(1), KernelSize(1, 7), KernelSize(5, 1), KernelSize(4), KernelSize(6, 2), KernelSize(7)})
    for (const auto border : {Border::zeros, Border::reflect})
      expect_form({.in = 1, .out = 2, .kernel = kernel, .border = border}, number++);
}

class Conv2dNormalizations : public ::testing::TestWithParam<std::tuple<bool, int64_t, WeightNormalization>> {};

TEST_P(Conv2dNormalizations, HaveRightGradients) {
  const auto [transposed, groups, normalization] = GetParam();
  Conv2dOptions options{.in = 2, .out = 4, .kernel = {3, 2}, .stride = 2, .groups = groups, .transposed = transposed};
  auto layer = layer_of(options, plain(normalization));
  TestPass settling;
  settling.pass.training = settling.pass.update_state = true;
  for (int i = 0; i < 400; ++i) layer->effective_weight(settling.pass);  // to the singular vectors
  expect_all_gradients(layer, {leaf({1, 2, 3, 4})});
}

INSTANTIATE_TEST_SUITE_P(All, Conv2dNormalizations,
                         ::testing::Combine(::testing::Bool(), ::testing::Values(int64_t{1}, int64_t{2}),
                                            ::testing::Values(WeightNormalization::none, WeightNormalization::spectral,
                                                              WeightNormalization::weight)));

TEST(Conv2d, KeepsTheMapByDefault) {
  for (const int64_t side : {1, 2, 3, 4, 5, 6, 7}) {
    auto layer = layer_of({.in = 1, .out = 1, .kernel = side});
    TestPass t;
    EXPECT_EQ(layer->forward(leaf({1, 1, 5, 9}), t.pass).sizes(), (torch::IntArrayRef{1, 1, 5, 9})) << side;
  }
}

// They are not silently constant in a second gradient.
TEST(Conv2d, OnlyFusedFormsCannotBeDifferentiatedTwice) {
  const auto twice = [](const Conv2dOptions& options) {
    auto layer = layer_of(options);
    TestPass t;
    const auto x = leaf({1, 2, 4, 4});
    const auto slope = torch::autograd::grad({layer->forward(x, t.pass).pow(2).sum()}, {x}, {}, true, true)[0];
    slope.sum().backward();
  };
  EXPECT_THROW(twice({.in = 2, .out = 2, .relu = true}), c10::Error);
  EXPECT_THROW(twice({.in = 2, .out = 2, .resample = Resample::down, .relu = true}), c10::Error);
  EXPECT_NO_THROW(twice({.in = 2, .out = 2, .resample = Resample::down, .padding = Padding::all(1)}));
  EXPECT_NO_THROW(twice({.in = 2, .out = 2, .kernel = 1, .resample = Resample::up}));
  EXPECT_NO_THROW(twice({.in = 2, .out = 2}));
  EXPECT_NO_THROW(twice({.in = 2, .out = 2, .kernel = 1}));
  EXPECT_NO_THROW(twice({.in = 2, .out = 2, .border = Border::reflect}));
  EXPECT_NO_THROW(twice({.in = 2, .out = 2, .padding = Padding{}}));
  EXPECT_NO_THROW(twice({.in = 2, .out = 2, .groups = 2}));
  EXPECT_NO_THROW(twice({.in = 2, .out = 2, .stride = 2}));
}

TEST(Conv2d, RefusesOptionsThatExcludeEachOther) {
  const auto expect_refused = [](const Conv2dOptions& options, const std::string& word) {
    expect_error<InternalError>([&] { layer_of(options); }, {"[conv2d]", word});
  };
  expect_refused({.in = 0, .out = 4}, "channel");
  expect_refused({.in = 4, .out = 4, .kernel = 8}, "kernel");
  expect_refused({.in = 4, .out = 4, .kernel = {3, 0}}, "kernel");
  expect_refused({.in = 4, .out = 4, .stride = 0}, "stride");
  expect_refused({.in = 4, .out = 6, .groups = 4}, "groups");
  expect_refused({.in = 4, .out = 4, .groups = 0}, "groups");
  expect_refused({.in = 4, .out = 4, .padding = Padding{-1}}, "padding");
  expect_refused({.in = 4, .out = 4, .resample = Resample::down, .stride = 2}, "resampling");
  expect_refused({.in = 4, .out = 4, .resample = Resample::up, .transposed = true}, "resampling");
  expect_refused({.in = 4, .out = 4, .border = Border::reflect, .transposed = true}, "border");
  expect_refused({.in = 4, .out = 4, .output_padding = 1}, "output_padding");
  expect_refused({.in = 4, .out = 4, .padding = Padding{1, 0}, .transposed = true}, "transposed");
  expect_refused({.in = 4, .out = 4, .kernel = 4, .transposed = true}, "output_padding");
  expect_refused({.in = 4, .out = 4, .stride = 2, .transposed = true, .output_padding = 2}, "output_padding");
}

TEST(Conv2d, RefusesMapsThatDoNotFit) {
  const auto expect_refused = [](const Conv2dOptions& options, torch::IntArrayRef shape,
                                 const std::vector<std::string>& names) {
    TestPass t;
    auto layer = layer_of(options);
    expect_error<UserError>([&] { layer->forward(leaf(shape.vec()), t.pass); }, names);
  };
  const Conv2dOptions reflecting{.in = 2, .out = 2, .kernel = 7, .border = Border::reflect};
  expect_refused(reflecting, {1, 2, 3, 8}, {"4 x 4", "3 x 8"});
  expect_refused({.in = 2, .out = 2, .kernel = 4, .padding = Padding{}}, {1, 2, 3, 8}, {"3 x 8"});
  expect_refused({.in = 2, .out = 2, .kernel = 5, .resample = Resample::down}, {1, 2, 5, 8}, {"convolution"});
  expect_refused({.in = 2, .out = 2, .stride = 2}, {1, 3, 4, 4}, {"[any, 2, any, any]"});
  auto layer = layer_of({.in = 2, .out = 2, .stride = 2});
  TestPass t;
  expect_error<UserError>(
      [&] {
        layer->forward(leaf({1, 2, 4, 4}), t.pass, leaf({1, 2, 4, 4}));
      },
      {"convolution residual"});
}

TEST(Conv2d, KeepsTheTypeAndTheLayoutOfItsInput) {
  Conv2dOptions options{.in = 4, .out = 8, .kernel = 5};
  for (const bool transposed : {false, true}) {
    options.transposed = transposed;
    options.stride = transposed ? 2 : 1;
    options.border = transposed ? Border::zeros : Border::reflect;
    auto layer = layer_of(options);
    convert(*layer, torch::kFloat);
    TestPass t;
    const auto x = leaf({2, 4, 6, 6}).detach().to(torch::kFloat).contiguous(at::MemoryFormat::ChannelsLast);
    const auto wide = layer->forward(x, t.pass), narrow = layer->forward(x.to(torch::kBFloat16), t.pass);
    EXPECT_EQ(narrow.scalar_type(), torch::kBFloat16);
    EXPECT_TRUE(wide.is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_LT((wide - narrow.to(torch::kFloat)).abs().max().item<double>(), 0.1);
  }
}

}  // namespace
}  // namespace fqgan::test
