#include "support/gradients.h"

#include "support/support.h"

namespace fqgan::test {
namespace {

torch::Tensor projection_of(const torch::Tensor& y) {
  return Streams(99, {}).normal(y.sizes(), "projection").to(torch::kDouble);
}

double value_of(const Function& f, const std::vector<torch::Tensor>& inputs) { return f(inputs).item<double>(); }

void compare(const Function& scalar, std::vector<torch::Tensor>& inputs, double tolerance) {
  constexpr double h = 1e-5;
  const auto gradients = torch::autograd::grad({scalar(inputs)}, inputs, {}, false, false, /*allow_unused=*/true);
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto analytic = torch::zeros_like(inputs[i]);
    if (gradients[i].defined()) analytic.detach().copy_(gradients[i].detach());
    // In memory order, so that channels_last inputs are perturbed in place too.
    auto flat = inputs[i].detach().as_strided({inputs[i].numel()}, {1});
    const auto exact_flat = analytic.detach().as_strided({inputs[i].numel()}, {1});
    const double largest = std::max(1., exact_flat.abs().max().item<double>());
    for (int64_t e = 0; e < flat.numel(); ++e) {
      const double before = flat[e].item<double>();
      flat[e] = before + h;
      const double above = value_of(scalar, inputs);
      flat[e] = before - h;
      const double below = value_of(scalar, inputs);
      flat[e] = before;
      const double numeric = (above - below) / (2 * h), exact = exact_flat[e].item<double>();
      ASSERT_NEAR(exact, numeric, tolerance * largest) << "input " << i << " element " << e;
    }
  }
}

}  // namespace

torch::Tensor leaf(std::vector<int64_t> shape, uint64_t seed) {
  return Streams(seed, {}).normal(shape, "leaf").to(torch::kDouble).requires_grad_(true);
}

void expect_gradients(const Function& f, std::vector<torch::Tensor> inputs, double tolerance) {
  compare(
      [&](const auto& x) {
        const auto y = f(x);
        return (y * projection_of(y)).sum();
      },
      inputs, tolerance);
}

void expect_second_gradients(const Function& f, std::vector<torch::Tensor> inputs, double tolerance) {
  const Function inner = [&](const std::vector<torch::Tensor>& x) {
    const auto y = f(x);
    const auto gradient = torch::autograd::grad({(y * projection_of(y)).sum()}, {x[0]}, {}, true, true)[0];
    return (gradient * projection_of(gradient)).sum() + gradient.pow(2).sum();
  };
  compare(inner, inputs, tolerance);
}

}  // namespace fqgan::test
