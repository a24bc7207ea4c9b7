#include "fqgan/nn/batch_norm.h"

#include "fqgan/core/shape.h"

namespace fqgan {

BatchNormImpl::BatchNormImpl(int64_t channels, int64_t classes, const std::string& initialisation, Streams& random,
                             double epsilon)
    : epsilon(epsilon) {
  stored_mean = register_buffer("stored_mean", torch::zeros({channels}));
  stored_var = register_buffer("stored_var", torch::ones({channels}));
  if (classes > 0) {
    const WeightOptions weight{false, 0., initialisation};
    class_gain = register_module("class_gain", Embedding(classes, channels, weight, random));
    class_bias = register_module("class_bias", Embedding(classes, channels, weight, random));
  } else {
    gain = register_parameter("gain", torch::ones({channels}));
    bias = register_parameter("bias", torch::zeros({channels}));
  }
}

torch::Tensor BatchNormImpl::forward(const torch::Tensor& x, const torch::Tensor& labels, Pass& pass) {
  check_shape(x, {any, stored_mean.size(0), any, any}, "batch_norm");
  const bool from_batch = pass.training || pass.standing > 0;
  const bool store = pass.standing > 0 || pass.update_state || !from_batch;
  const double momentum = pass.standing > 0 ? 1. / static_cast<double>(pass.standing) : 0.1;
  const auto mean = store ? stored_mean : torch::Tensor(), var = store ? stored_var : torch::Tensor();
  if (!class_gain) return at::batch_norm(x, gain, bias, mean, var, from_batch, momentum, epsilon, false);

  const auto y = at::batch_norm(x, {}, {}, mean, var, from_batch, momentum, epsilon, false);
  const auto scale = (class_gain->forward(labels, pass) + 1).to(y.scalar_type()).unsqueeze(2).unsqueeze(3);
  const auto shift = class_bias->forward(labels, pass).to(y.scalar_type()).unsqueeze(2).unsqueeze(3);
  return at::addcmul(shift, y, scale);
}

}  // namespace fqgan
