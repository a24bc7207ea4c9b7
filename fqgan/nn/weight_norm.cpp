#include "fqgan/nn/weight_norm.h"

namespace fqgan {
namespace {

/// All dimensions except `kept`.
std::vector<int64_t> others(int64_t dims, int64_t kept) {
  std::vector<int64_t> list;
  for (int64_t d = 0; d < dims; ++d)
    if (d != kept) list.push_back(d);
  return list;
}

/// Reshapes C for broadcasting: C in dimension `place`, 1 in the others.
torch::Tensor along(const torch::Tensor& values, int64_t dims, int64_t place) {
  std::vector<int64_t> shape(dims, 1);
  shape[place] = values.size(0);
  return values.view(shape);
}

/// Ci x Co / G x ... -> G x Ci / G x Co / G x ..., because an output sees only the inputs of its group.
torch::Tensor by_group(const torch::Tensor& weight, int64_t groups) { return weight.unflatten(0, {groups, -1}); }

}  // namespace

torch::Tensor weight_lengths(const torch::Tensor& weight, const WeightShape& shape) {
  if (shape.output == 0) return at::linalg_vector_norm(weight, 2, others(weight.dim(), 0));
  return at::linalg_vector_norm(by_group(weight, shape.groups), 2, at::IntArrayRef{1, 3, 4}).flatten();
}

torch::Tensor weight_normalized(const torch::Tensor& weight, const torch::Tensor& scale, const WeightShape& shape) {
  const auto factor = scale / weight_lengths(weight, shape);  // Co
  if (shape.output == 0) return weight * along(factor, weight.dim(), 0);
  const auto of_group = factor.view({shape.groups, 1, -1, 1, 1});
  return (by_group(weight, shape.groups) * of_group).view_as(weight);
}

void initialise_by_data(const torch::Tensor& activations, torch::Tensor scale, torch::Tensor bias, double std,
                        const Ranks* ranks) {
  torch::NoGradGuard no_grad;
  const auto a = activations.to(scale.scalar_type());
  const auto rest = others(a.dim(), 1);
  const auto mean = mean_over(a.mean(rest), ranks);
  const auto found = mean_over((a - along(mean, a.dim(), 1)).square().mean(rest), ranks).sqrt();
  const auto factor = at::where(found < 1e-8, at::ones_like(found), std / found);  // a constant keeps its scale
  scale.mul_(factor);
  if (bias.defined()) bias.copy_(-mean * factor);
}

}  // namespace fqgan
