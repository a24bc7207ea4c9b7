// Inception score (Salimans et al. 2016): exp of the mean KL divergence of p(y|x) from p(y), over splits of the images.
// Matches torch-fidelity: float64 softmax of the logits without bias, NumPy's shuffle, standard deviation with ddof 0.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/core/fields.h"
#include "fqgan/metrics/mean_and_std.h"

namespace fqgan {

struct InceptionScoreOptions : Options {
  int64_t splits = 10;
  bool shuffle = true;  // by numpy.random.RandomState(seed).permutation
  int64_t seed = 2020;
  void fields(FieldVisitor& visit) override;
};

/// logits: N x classes. Split i holds images i * N / splits to (i + 1) * N / splits. The value is biased by the number
/// of images in a split.
/// Errors: UserError for shapes, NaN or infinity, and for fewer images than `inception_score.splits`.
MeanAndStd inception_score(const at::Tensor& logits, const InceptionScoreOptions& options);

}  // namespace fqgan
