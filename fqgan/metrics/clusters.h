// k-means (Lloyd 1982) with the start of Arthur and Vassilvitskii 2007 (k-means++), as scikit-learn's KMeans with
// n_init = 10. The draws are fqgan's own, so that the clusters are a function of the points and the seed, and the same
// for any number of threads.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

/// points: N x D float64, N >= clusters >= 1 -> centres clusters x D float64: the best of ten starts, by the sum of the
/// squared distances to the nearest centre.
at::Tensor cluster_centres(const at::Tensor& points, int64_t clusters, uint64_t seed);

/// The nearest centre of each point: N int64.
at::Tensor nearest_centres(const at::Tensor& points, const at::Tensor& centres);

}  // namespace fqgan
