// The semi-supervised losses ("Improved Techniques for Training GANs", section 5) with K class logits l_k. Generated
// images are class K + 1, whose logit is fixed at 0. With Z(x) = sum_k exp l_k(x), an image is real with probability
// D(x) = Z / (Z + 1). Computed with logsumexp and softplus, never exp.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/losses/label_smoothing.h"

namespace fqgan {

/// log Z: N x K -> N.
at::Tensor log_real(const at::Tensor& logits);

/// -log p(label | image, real): the cross-entropy over the K classes. labels: int64 N. A scalar.
at::Tensor supervised_loss(const at::Tensor& logits, const at::Tensor& labels);

/// -(E log D(real) + E log(1 - D(fake))) / 2, halved as in openai/improved-gan; with smoothed targets the cross-entropy
/// of log Z. A scalar.
at::Tensor unsupervised_loss(const at::Tensor& real_logits, const at::Tensor& fake_logits,
                             const LabelTargets& targets = {});

/// The generator's loss E log(1 - D(fake)) = -E softplus(log Z), which the minibatch-discrimination variants of
/// openai/improved-gan minimise. A scalar.
at::Tensor semi_supervised_generator_loss(const at::Tensor& fake_logits);

}  // namespace fqgan
