#include "fqgan/losses/label_smoothing.h"

#include <ATen/ATen.h>

namespace fqgan {
namespace {

/// -target log D - (1 - target) log(1 - D) with D = sigmoid(logit).
at::Tensor against(const at::Tensor& logits, double target) {
  if (target == 0) return at::softplus(logits).mean();
  const auto sure = at::softplus(-logits);
  return (target == 1 ? sure : sure + (1 - target) * logits).mean();
}

}  // namespace

at::Tensor cross_entropy(const at::Tensor& real, const at::Tensor& fake, const LabelTargets& targets) {
  return against(real, targets.real) + against(fake, targets.fake);
}

}  // namespace fqgan
