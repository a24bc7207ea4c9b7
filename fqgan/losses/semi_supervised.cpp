#include "fqgan/losses/semi_supervised.h"

#include <ATen/ATen.h>

#include "fqgan/core/shape.h"

namespace fqgan {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

}  // namespace

at::Tensor log_real(const at::Tensor& logits) {
  check_shape(logits, {any, any}, "semi-supervised logits");
  return at::logsumexp(wide(logits), 1);
}

at::Tensor supervised_loss(const at::Tensor& logits, const at::Tensor& labels) {
  check_shape(logits, {any, any}, "semi-supervised logits");
  check_shape(labels, {logits.size(0)}, "semi-supervised labels");
  return at::cross_entropy_loss(wide(logits), labels);
}

at::Tensor unsupervised_loss(const at::Tensor& real_logits, const at::Tensor& fake_logits,
                             const LabelTargets& targets) {
  // log D = -softplus(-log Z), log(1 - D) = -softplus(log Z): log Z is D's logit.
  return 0.5 * cross_entropy(log_real(real_logits), log_real(fake_logits), targets);
}

at::Tensor semi_supervised_generator_loss(const at::Tensor& fake_logits) {
  return -at::softplus(log_real(fake_logits)).mean();
}

}  // namespace fqgan
