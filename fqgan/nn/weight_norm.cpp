#include "fqgan/nn/weight_norm.h"

#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"

namespace fqgan {

WeightNormLinearImpl::WeightNormLinearImpl(int64_t in, int64_t out, WeightNormOptions o, Streams& random) : options(o) {
  weight = register_parameter("weight", random.normal({out, in}, "weight").mul_(o.initial));
  const auto ones = torch::ones({out});
  scale = o.train_scale ? register_parameter("scale", ones) : register_buffer("scale", ones);
  bias = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor WeightNormLinearImpl::forward(const torch::Tensor& x, Pass& pass) {
  const LayerScope scope(this);
  check_shape(x, {any, weight.size(1)}, "weight_norm_linear");
  // The products are scaled, not the weights: there are fewer of them.
  const auto factor = (scale / at::linalg_vector_norm(weight, 2, at::IntArrayRef{1})).to(x.scalar_type());
  const auto products = at::linear(x, weight.to(x.scalar_type()));
  if (pass.initialise && options.by_data) return initialised(products * factor);
  return at::addcmul(bias.to(x.scalar_type()), products, factor);
}

torch::Tensor WeightNormLinearImpl::initialised(const torch::Tensor& activations) {
  torch::NoGradGuard no_grad;
  const auto a = activations.to(scale.scalar_type());
  const auto mean = a.mean(0), centred = a - mean;
  const auto factor = options.deviation / centred.square().mean(0).sqrt().clamp_min(1e-8);  // 1e-8: a dead output
  scale.mul_(factor);
  bias.copy_(-mean * factor);
  return (centred * factor).to(activations.scalar_type());
}

}  // namespace fqgan
