#include "fqgan/nn/minibatch_discrimination.h"

#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/ops/minibatch_discrimination.h"

namespace fqgan {
namespace {

/// The L1 distance to the nearest other example, N x B. Goes row by row, to save the memory of N x N x B x C.
torch::Tensor nearest_distances(const torch::Tensor& projected) {
  std::vector<torch::Tensor> nearest;
  for (int64_t i = 0; i < projected.size(0); ++i) {
    auto distances = (projected - projected.select(0, i)).abs().sum(2);
    distances.select(0, i).fill_(std::numeric_limits<double>::infinity());
    nearest.push_back(distances.amin(0));
  }
  return at::stack(nearest);
}

}  // namespace

MinibatchDiscriminationImpl::MinibatchDiscriminationImpl(int64_t in, int64_t kernels, int64_t dims, Streams& random) {
  weight = register_parameter("weight", random.normal({in, kernels, dims}, "weight").mul_(0.05));
  log_scale = register_parameter("log_scale", torch::zeros({kernels, dims}));
  bias = register_parameter("bias", torch::full({kernels}, -1.));
}

torch::Tensor MinibatchDiscriminationImpl::forward(const torch::Tensor& features, Pass& pass) {
  const LayerScope scope(this);
  check_shape(features, {any, weight.size(0)}, "minibatch_discrimination");
  require_one_rank(pass.ranks, "minibatch_discrimination");
  const auto directions = weight * (log_scale.exp() / at::linalg_vector_norm(weight, 2, at::IntArrayRef{0}));
  const auto projected = at::matmul(features, directions.flatten(1).to(features.scalar_type()))
                             .view({features.size(0), weight.size(1), weight.size(2)})
                             .to(weight.scalar_type());  // differences need the precision
  const auto close = pass.initialise ? initialised(projected, pass) : similarity(projected, pass) + bias;
  return at::cat({features, close.to(features.scalar_type())}, 1);
}

torch::Tensor MinibatchDiscriminationImpl::similarity(const torch::Tensor& projected, const Pass& pass) const {
  const auto of_kind = [&](const torch::Tensor& rows) {
    return pass.plain() ? ops::reference::minibatch_discrimination(rows)
                                    : ops::minibatch_discrimination(rows);
  };
  if (pass.segments.empty()) return of_kind(projected);
  std::vector<torch::Tensor> parts;
  int64_t first = 0;
  for (const auto& segment : pass.segments) {
    parts.push_back(of_kind(projected.narrow(0, first, segment.rows)));
    first += segment.rows;
  }
  return at::cat(parts);
}

torch::Tensor MinibatchDiscriminationImpl::initialised(torch::Tensor projected, Pass& pass) {
  torch::NoGradGuard no_grad;
  const auto unit = (0.5 * nearest_distances(projected).mean(0)).clamp_min(1e-8).unsqueeze(1);  // B x 1
  log_scale.sub_(unit.log());
  projected = projected / unit;
  const auto close = similarity(projected, pass);
  bias.copy_(-close.mean(0));
  return close + bias;
}

}  // namespace fqgan
