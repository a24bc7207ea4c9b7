// Virtual batch normalization ("Improved Techniques for Training GANs", section 3.5): each example is normalized by the
// statistics of itself and of a fixed reference batch, so that it does not depend on the others of its batch. Matches
// the class VBN in imagenet/ops.py of openai/improved-gan.
#pragma once

#include <torch/torch.h>

#include <utility>

#include "fqgan/nn/pass.h"

namespace fqgan {

/// The reference batch's moments per channel.
struct ReferenceMoments {
  torch::Tensor mean, var;  // C; biased
};

/// The moments of the rows of the pass's first segment, which must have Role::reference. Differentiable.
ReferenceMoments reference_moments(const torch::Tensor& x, const Pass& pass);

/// x: N x C x H x W -> (x - mean) / sqrt(var + epsilon), in x's type. E x and E x^2 are averages over the example and
/// the `rows` reference examples: (own + rows * reference) / (rows + 1). Reference rows of the pass are normalized by
/// the reference batch's moments alone. Sums are float32 (float64 for float64). Differentiable.
torch::Tensor virtual_batch_norm(const torch::Tensor& x, const ReferenceMoments& reference, int64_t rows,
                                 double epsilon, const Pass& pass);

/// A reference batch of latents (and classes, if there are any), drawn with the initial weights and saved as a buffer.
/// A generator puts it before its own rows.
struct ReferenceLatentsImpl : torch::nn::Module {
  /// latents: R x Z; labels: R int64, or undefined.
  ReferenceLatentsImpl(torch::Tensor latents, torch::Tensor labels);
  /// Only passes that compute statistics need the reference rows; the others use the stored moments.
  static bool wanted(const Pass& pass) { return pass.training || pass.standing > 0; }
  /// Puts the reference rows before the given ones, and a segment for them into the pass.
  std::pair<torch::Tensor, torch::Tensor> join(const torch::Tensor& latents, const torch::Tensor& labels, Pass& pass);
  /// Removes the reference rows and their segment again.
  torch::Tensor part(const torch::Tensor& rows, Pass& pass);

  torch::Tensor latents, labels;
};
TORCH_MODULE(ReferenceLatents);

}  // namespace fqgan
