#include "fqgan/nn/spectral_norm.h"

#include "fqgan/nn/initialise.h"

namespace fqgan {
namespace {

torch::Tensor normalized(const torch::Tensor& x, double epsilon) { return x / x.norm().clamp_min(epsilon); }

}  // namespace

WeightedLayer::WeightedLayer(std::vector<int64_t> shape, WeightOptions options, Streams& random)
    : weight_options(std::move(options)) {
  weight = register_parameter("weight", torch::empty(shape));
  initialise_weight(weight, weight_options.initialisation, random);
  if (weight_options.spectral) u = register_buffer("u", random.normal({shape[0]}, "spectral_norm"));
}

torch::Tensor WeightedLayer::effective_weight(Pass& pass) {
  if (!weight_options.spectral) return weight;
  const auto matrix = weight.reshape({weight.size(0), -1});  // Co x R
  torch::Tensor u_next, v;
  {
    torch::NoGradGuard no_grad;
    v = normalized(at::mv(matrix.t(), u), weight_options.epsilon);
    u_next = normalized(at::mv(matrix, v), weight_options.epsilon);
    // Replaced, not written into: graphs of earlier forwards still read the old vector.
    if (pass.update_state) u.set_data(u_next);
  }
  const auto sigma = at::dot(u_next, at::mv(matrix, v));
  return weight / sigma;
}

}  // namespace fqgan
