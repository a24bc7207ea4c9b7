// Every operator on an accelerator against float64 on the CPU: results and gradients, for the same (rounded) inputs.
#include "support/device.h"

#include <torch/torch.h>

#include "fqgan/core/streams.h"
#include "fqgan/ops/adam.h"
#include "fqgan/ops/batch_norm.h"
#include "fqgan/ops/bias_activation.h"
#include "fqgan/ops/convolution.h"
#include "fqgan/ops/gaussian_noise.h"
#include "fqgan/ops/minibatch_discrimination.h"
#include "fqgan/ops/quantize.h"
#include "fqgan/ops/upfirdn.h"
#include "fqgan/ops/weight_norm_linear.h"

namespace fqgan::test {
namespace {

using Tensors = std::vector<at::Tensor>;
using Function = std::function<Tensors(const Tensors&)>;

class OperatorsOnDevice : public OnDevice {
 protected:
  /// Inputs of N(0, 1) in `type`, exactly the same on both sides; beside bfloat16, all but the first are float32.
  static Tensors inputs(const std::vector<std::vector<int64_t>>& shapes, at::ScalarType type) {
    Streams random(5, {});
    Tensors given;
    for (size_t i = 0; i < shapes.size(); ++i) {
      const bool narrow = i == 0 || type == at::kDouble;
      given.push_back(random.normal(shapes[i], "inputs").to(narrow ? type : at::kFloat));
    }
    return given;
  }

  /// The results of `function`, and the gradients of a random projection of those that have any.
  static Tensors computed(const Function& function, const Tensors& given, at::Device where, bool wide) {
    Tensors leaves;
    for (const auto& x : given)
      leaves.push_back(x.to(at::TensorOptions(where).dtype(wide ? at::kDouble : x.scalar_type()))
                           .detach()
                           .clone()
                           .requires_grad_(true));
    auto results = function(leaves);
    auto objective = at::zeros({}, at::TensorOptions(where).dtype(at::kDouble));
    Streams random(6, {});
    for (const auto& y : results)
      if (y.requires_grad()) {
        const auto projection = random.normal(y.sizes(), "projection").to(objective.options());
        objective = objective + (y.to(at::kDouble) * projection).sum();
      }
    if (!objective.requires_grad()) return results;
    for (const auto& gradient : torch::autograd::grad({objective}, leaves, {}, false, false, /*allow_unused=*/true))
      if (gradient.defined()) results.push_back(gradient);
    return results;
  }

  void expect_as_on_cpu(const std::string& name, const std::vector<std::vector<int64_t>>& shapes,
                        const Function& function, double in_bfloat16 = 2e-2) {
    for (const auto& [type, tolerance] : std::vector<std::pair<at::ScalarType, double>>{
             {at::kDouble, 1e-10}, {at::kFloat, 2e-5}, {at::kBFloat16, in_bfloat16}}) {
      const auto given = inputs(shapes, type);
      const auto expected = computed(function, given, at::kCPU, true), found = computed(function, given, device, false);
      ASSERT_EQ(found.size(), expected.size()) << name;
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].device().type(), device.type()) << name;
        EXPECT_LT(distance_between(found[i], expected[i]), tolerance) << name << ", " << type << ", result " << i;
      }
    }
  }
};

TEST_F(OperatorsOnDevice, Convolution) {
  for (const auto form : {ops::Resample::none, ops::Resample::up, ops::Resample::down})
    for (const int64_t kernel : {1, 3})
      for (const bool relu : {false, true}) {
        const int64_t out = form == ops::Resample::up ? 16 : form == ops::Resample::down ? 4 : 8;
        for (const int64_t side : {out, out / 2})
          expect_as_on_cpu("form " + std::to_string(static_cast<int>(form)) + ", kernel " + std::to_string(kernel),
                           {{3, 16, 8, 8}, {32, 16, kernel, kernel}, {32}, {3, 32, side, side}}, [&](const auto& x) {
                             const auto residual = x[3].to(x[0].scalar_type());
                             return Tensors{ops::convolution(x[0], {x[1], x[2], residual, form, relu})};
                           });
      }
}

TEST_F(OperatorsOnDevice, LayersOfStyleGan2) {
  expect_as_on_cpu("upfirdn", {{2, 5, 6, 7}}, [](const auto& x) {
    return Tensors{ops::upfirdn(x[0], {.taps = {0.1, 0.4, 0.3}, .up = 2, .padding = {2, 1, 0, 3}, .gain = 4}),
                   ops::upfirdn(x[0], {.taps = {0.1, 0.4, 0.3, 0.1}, .down = 2, .padding = ops::Padding::all(1)})};
  });
  expect_as_on_cpu(
      "bias_activation", {{3, 5, 6, 7}, {3, 5}, {3, 1, 6, 7}, {5}},
      [](const auto& x) {
        return Tensors{ops::bias_activation(x[0], {x[3], x[1], x[2], 0.2, 1.4, 2})};
      },
      0.2);  // rounding turns the sign of values near zero
}

TEST_F(OperatorsOnDevice, BatchNorm) {
  for (const bool by_class : {false, true}) {
    const auto affine = by_class ? std::vector<int64_t>{6, 8} : std::vector<int64_t>{8};
    expect_as_on_cpu("batch_norm", {{6, 8, 5, 4}, affine, affine}, [](const auto& x) {
      const auto [y, mean, variance] = ops::batch_norm(x[0], x[1], x[2], 1e-5);
      return Tensors{y, mean, variance};
    });
  }
}

TEST_F(OperatorsOnDevice, Quantization) {
  expect_as_on_cpu("quantization", {{4, 16, 6, 6}, {37, 16}}, [](const auto& x) {
    const auto codebook = x[1].detach();
    const auto codes = ops::nearest_code(x[0], codebook);
    const auto [counts, sums] = ops::code_statistics(x[0], codes, 37);
    return Tensors{codes, counts, sums, ops::commitment_loss(x[0], codebook, codes),
                   ops::straight_through(x[0], codebook, codes, 0.5)};
  });
}

TEST_F(OperatorsOnDevice, FindsTheNearestOfManyRows) {
  const auto rows = Streams(1, {}).normal({70000, 8}, "rows"), codebook = Streams(2, {}).normal({1024, 8}, "codebook");
  const auto expected = ops::nearest_code(rows, codebook);
  const auto found = ops::nearest_code(rows.to(device), codebook.to(device)).cpu();
  EXPECT_LT((found != expected).sum().item<int64_t>(), 10);  // pairs of codes that are nearly as near
}

TEST_F(OperatorsOnDevice, Dictionary) {
  expect_as_on_cpu("momentum_update", {{37, 16}, {37}, {37}, {37, 16}}, [](const auto& x) {
    const auto updates = at::ones({}, x[0].options().dtype(at::kLong).requires_grad(false));
    Tensors results;
    for (const auto& count : {std::optional<at::Tensor>(), std::optional(updates)}) {
      const auto [codebook, sum, size] = ops::momentum_update(x[0].detach(), x[1].detach().abs(), x[2].detach().abs(),
                                                              x[3].detach(), 0.8, 1e-5, count);
      results.insert(results.end(), {codebook, sum, size});
    }
    return results;
  });
  expect_as_on_cpu("kmeans", {{200, 4}, {5, 4}}, [](const auto& x) {
    const auto [centres, counts] = ops::kmeans(x[0].detach(), x[1].detach(), 3);
    return Tensors{centres, counts};
  });
}

TEST_F(OperatorsOnDevice, MinibatchDiscrimination) {
  expect_as_on_cpu("minibatch_discrimination", {{7, 5, 3}},
                   [](const auto& x) { return Tensors{ops::minibatch_discrimination(x[0])}; });
}

TEST_F(OperatorsOnDevice, WeightNormLinear) {
  for (const bool relu : {false, true})
    expect_as_on_cpu(
        "weight_norm_linear", {{9, 12}, {7, 12}, {7}, {7}},
        [&](const auto& x) { return Tensors{ops::weight_norm_linear(x[0], x[1], x[2], x[3], relu)}; },
        relu ? 0.2 : 2e-2);  // rounding turns the sign of values near zero, and with it the ReLU's gradient
}

TEST_F(OperatorsOnDevice, GaussianNoise) {
  const auto x = at::zeros({1000});
  EXPECT_TRUE(at::equal(ops::add_gaussian_noise(x.to(device), 3, 0.5).cpu(), ops::add_gaussian_noise(x, 3, 0.5)));
}

TEST_F(OperatorsOnDevice, Adam) {
  expect_as_on_cpu("adam", {{50}, {50}, {50}, {50}}, [](const auto& x) {
    auto parameter = x[0].detach().to(x[1].scalar_type()), m = x[2].detach(), v = x[3].detach().abs();
    ops::adam_epsilon_in_root_(parameter, x[1].detach(), m, v, {1e-2, 0.5, 0.9, 1e-8, 3});
    return Tensors{parameter, m, v};
  });
}

}  // namespace
}  // namespace fqgan::test
