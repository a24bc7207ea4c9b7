#include "fqgan/nn/batch_norm.h"

#include <algorithm>

#include "fqgan/core/shape.h"
#include "fqgan/nn/layer_scope.h"
#include "fqgan/nn/virtual_batch_norm.h"
#include "fqgan/ops/batch_norm.h"

namespace fqgan {
namespace {

double momentum_of(const Pass& pass) { return pass.standing > 0 ? 1. / static_cast<double>(pass.standing) : 0.1; }

}  // namespace

BatchNormImpl::BatchNormImpl(int64_t channels, const Condition& condition, Streams& random, double epsilon)
    : epsilon(epsilon), reference(condition.reference) {
  stored_mean = register_buffer("stored_mean", torch::zeros({channels}));
  stored_var = register_buffer("stored_var", torch::ones({channels}));
  if (condition.classes > 0) {
    auto weight = condition.weight;
    weight.normalization = WeightNormalization::none;  // BigGAN-PyTorch: spectral norm on G's embeddings cripples G
    class_gain = register_module("class_gain", Embedding(condition.classes, channels, weight, random));
    class_bias = register_module("class_bias", Embedding(condition.classes, channels, weight, random));
  } else if (condition.width > 0) {
    vector_gain = register_module("vector_gain", Linear(condition.width, channels, false, condition.weight, random));
    vector_bias = register_module("vector_bias", Linear(condition.width, channels, false, condition.weight, random));
  } else {
    const auto ones = torch::ones({channels});
    gain = condition.gain ? register_parameter("gain", ones) : register_buffer("gain", ones);
    bias = register_parameter("bias", torch::zeros({channels}));
  }
}

/// Gain and bias, each C or N x C.
std::pair<torch::Tensor, torch::Tensor> BatchNormImpl::affine(const torch::Tensor& condition, Pass& pass) {
  if (gain.defined()) return {gain, bias};
  const auto scale = class_gain ? class_gain->forward(condition, pass) : vector_gain->forward(condition, pass);
  const auto shift = class_bias ? class_bias->forward(condition, pass) : vector_bias->forward(condition, pass);
  return {scale + 1, shift};
}

/// Updates the stored statistics; the stored variance is the unbiased one, as in PyTorch.
void BatchNormImpl::store(const torch::Tensor& mean, const torch::Tensor& var, int64_t rows, const Pass& pass) {
  torch::NoGradGuard no_grad;
  const double momentum = momentum_of(pass), others = std::max(1., static_cast<double>(rows - 1));
  stored_mean.mul_(1 - momentum).add_(mean, momentum);
  stored_var.mul_(1 - momentum).add_(var, momentum * static_cast<double>(rows) / others);
}

/// The reference batch's moments, from its rows in the pass or from the stored statistics.
torch::Tensor BatchNormImpl::normalized_by_reference(const torch::Tensor& x, const Pass& pass) {
  if (!ReferenceLatentsImpl::wanted(pass))
    return virtual_batch_norm(x, {stored_mean, stored_var}, reference, epsilon, pass);
  const auto moments = reference_moments(x, pass);
  if (pass.standing > 0 || pass.update_state) {
    torch::NoGradGuard no_grad;
    stored_mean.copy_(moments.mean);
    stored_var.copy_(moments.var);
  }
  return virtual_batch_norm(x, moments, reference, epsilon, pass);
}

torch::Tensor BatchNormImpl::forward(const torch::Tensor& x, const torch::Tensor& condition, Pass& pass) {
  const LayerScope scope(this);
  check_shape(x, {any, stored_mean.size(0), any, any}, "batch_norm");
  const auto [scale, shift] = affine(condition, pass);
  const auto by_channel = [&](const torch::Tensor& values) {
    return (values.dim() == 1 ? values.unsqueeze(0) : values).to(x.scalar_type()).unsqueeze(2).unsqueeze(3);
  };
  if (reference > 0) return at::addcmul(by_channel(shift), normalized_by_reference(x, pass), by_channel(scale));
  if (pass.training || pass.standing > 0) {
    require_one_rank(pass.ranks, "batch_norm");
    const auto batch_norm = pass.plain() ? ops::reference::batch_norm : ops::batch_norm;
    const auto [y, mean, var] = batch_norm(x, scale, shift, epsilon);
    if (pass.standing > 0 || pass.update_state) store(mean, var, x.numel() / x.size(1), pass);
    return y;
  }
  const auto y = at::batch_norm(x, {}, {}, stored_mean, stored_var, false, 0, epsilon, false);
  return at::addcmul(by_channel(shift), y, by_channel(scale));
}

}  // namespace fqgan
