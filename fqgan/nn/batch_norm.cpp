#include "fqgan/nn/batch_norm.h"

#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"

namespace fqgan {

BatchNormImpl::BatchNormImpl(int64_t channels, const Condition& condition, Streams& random, double epsilon)
    : epsilon(epsilon) {
  stored_mean = register_buffer("stored_mean", torch::zeros({channels}));
  stored_var = register_buffer("stored_var", torch::ones({channels}));
  if (condition.classes > 0) {
    auto weight = condition.weight;
    weight.spectral = false;  // BigGAN-PyTorch: spectral norm on G's embeddings cripples G
    class_gain = register_module("class_gain", Embedding(condition.classes, channels, weight, random));
    class_bias = register_module("class_bias", Embedding(condition.classes, channels, weight, random));
  } else if (condition.width > 0) {
    vector_gain = register_module("vector_gain", Linear(condition.width, channels, false, condition.weight, random));
    vector_bias = register_module("vector_bias", Linear(condition.width, channels, false, condition.weight, random));
  } else {
    gain = register_parameter("gain", torch::ones({channels}));
    bias = register_parameter("bias", torch::zeros({channels}));
  }
}

torch::Tensor BatchNormImpl::forward(const torch::Tensor& x, const torch::Tensor& condition, Pass& pass) {
  const LayerScope scope(this);
  check_shape(x, {any, stored_mean.size(0), any, any}, "batch_norm");
  const bool from_batch = pass.training || pass.standing > 0;
  const bool store = pass.standing > 0 || pass.update_state || !from_batch;
  const double momentum = pass.standing > 0 ? 1. / static_cast<double>(pass.standing) : 0.1;
  const auto mean = store ? stored_mean : torch::Tensor(), var = store ? stored_var : torch::Tensor();
  if (gain.defined()) return at::batch_norm(x, gain, bias, mean, var, from_batch, momentum, epsilon, false);

  const auto y = at::batch_norm(x, {}, {}, mean, var, from_batch, momentum, epsilon, false);
  const auto by_channel = [&](const torch::Tensor& values) {
    return values.to(y.scalar_type()).unsqueeze(2).unsqueeze(3);
  };
  const auto scale = class_gain ? class_gain->forward(condition, pass) : vector_gain->forward(condition, pass);
  const auto shift = class_bias ? class_bias->forward(condition, pass) : vector_bias->forward(condition, pass);
  return at::addcmul(by_channel(shift), y, by_channel(scale + 1));
}

}  // namespace fqgan
