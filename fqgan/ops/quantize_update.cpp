// How a dictionary follows the features: the momentum step, and k-means. Made of the operators of quantize.cpp and of
// LibTorch's own, so that autograd and compilers see through them.
#include <ATen/ATen.h>

#include "fqgan/core/error.h"
#include "fqgan/ops/quantize.h"
#include "fqgan/ops/quantize_checks.h"

namespace fqgan::ops {

std::tuple<at::Tensor, at::Tensor, at::Tensor> momentum_update(const at::Tensor& codebook_sum,
                                                               const at::Tensor& cluster_size, const at::Tensor& counts,
                                                               const at::Tensor& sums, double decay, double epsilon,
                                                               const std::optional<at::Tensor>& updates) {
  check_momentum(codebook_sum, cluster_size, counts, sums, decay, epsilon);
  if (updates) check_extents(*updates, {}, "momentum_update updates");
  const auto average = [&](const at::Tensor& before, const at::Tensor& now) {
    return before.contiguous() * decay + now.contiguous().to(before.scalar_type()) * (1 - decay);
  };
  const auto sum = average(codebook_sum, sums), size = average(cluster_size, counts);
  const auto from = [&](const at::Tensor& mean_sum, const at::Tensor& mean_size) {
    const auto total = mean_size.sum();
    const auto smoothed = (mean_size + epsilon) / (total + static_cast<double>(size.size(0)) * epsilon) * total;
    return mean_sum / smoothed.unsqueeze(1);
  };
  if (!updates) return {from(sum, size), sum, size};
  const auto weight = momentum_weight(decay, updates).to(sum.options());
  return {from(sum / weight, size / weight), sum, size};
}

at::Tensor momentum_weight(double decay, const std::optional<at::Tensor>& updates) {
  if (!updates) return at::ones({}, at::kDouble);
  return 1 - at::pow(at::Scalar(decay), updates->to(at::kDouble));
}

std::tuple<at::Tensor, at::Tensor> kmeans(const at::Tensor& features, const at::Tensor& start, int64_t iterations,
                                          const std::function<void(std::vector<at::Tensor>&)>& sum) {
  if (iterations < 1) fail("kmeans", "expected at least 1 iteration, got " + std::to_string(iterations));
  check_features_form(features, "kmeans");
  check_codebook(start, features, "kmeans");
  auto centres = start;
  auto counts = at::zeros({start.size(0)}, start.options());
  for (int64_t i = 0; i < iterations; ++i) {
    auto [seen, sums] = code_statistics(features, nearest_code(features, centres), start.size(0));
    if (sum) {
      std::vector<at::Tensor> totals{seen, sums};
      sum(totals);
      seen = totals[0];
      sums = totals[1];
    }
    const auto mean = (sums / seen.clamp_min(1).unsqueeze(1)).to(start.scalar_type());
    centres = at::where((seen > 0).unsqueeze(1), mean, centres);
    counts = seen.to(start.scalar_type());
  }
  return {centres, counts};
}

}  // namespace fqgan::ops
