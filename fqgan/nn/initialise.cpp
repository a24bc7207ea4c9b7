#include "fqgan/nn/initialise.h"

#include <cmath>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

void orthogonal(torch::Tensor& weight, Streams& random) {
  const auto rows = weight.size(0), columns = weight.numel() / rows;
  auto gaussian = random.normal({std::max(rows, columns), std::min(rows, columns)}, "initialise");
  auto [q, r] = torch::linalg_qr(gaussian.to(torch::kDouble));
  q = q * r.diagonal().sign();  // makes the distribution uniform over orthogonal matrices
  if (rows < columns) q = q.t();
  weight.copy_(q.reshape(weight.sizes()));
}

}  // namespace

const std::vector<std::string>& initialisation_styles() {
  static const std::vector<std::string> styles = {"orthogonal", "normal", "xavier"};
  return styles;
}

void initialise_weight(torch::Tensor weight, const std::string& style, Streams& random) {
  torch::NoGradGuard no_grad;
  if (!random.has_values()) return weight.zero_(), void();
  if (style == "orthogonal") return orthogonal(weight, random);
  if (style == "normal") {
    weight.copy_(random.normal(weight.sizes(), "initialise") * 0.02);
  } else if (style == "xavier") {
    const auto area = weight.numel() / (weight.size(0) * weight.size(1));
    const double bound = std::sqrt(6. / static_cast<double>((weight.size(0) + weight.size(1)) * area));
    weight.copy_((random.uniform(weight.sizes(), "initialise") * 2 - 1) * bound);
  } else {
    fail("initialise", "expected orthogonal, normal or xavier, got '" + style + "'");
  }
}

const std::vector<std::string>& bias_styles() {
  static const std::vector<std::string> styles{"uniform", "zero"};
  return styles;
}

torch::Tensor initial_bias(const std::string& style, int64_t count, int64_t fan_in, Streams& random) {
  if (style == "zero") return torch::zeros({count});
  if (style != "uniform") fail("initialise", "expected uniform or zero biases, got '" + style + "'");
  return (random.uniform({count}, "initialise bias") * 2 - 1) / std::sqrt(static_cast<double>(fan_in));
}

}  // namespace fqgan
