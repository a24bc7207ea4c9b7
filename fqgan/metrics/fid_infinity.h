// FID-infinity (Chong and Forsyth 2020, 'Effectively Unbiased FID and Inception Score and where to find them'): the FID
// that infinitely many generated images would have. FID of N images is larger by about a constant / N; the line over 1
// / N through 15 sizes gives the value at 1 / N = 0. Matches dgm-eval's compute_FD_infinity for equal subsets.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/metrics/moments.h"

namespace fqgan {

inline constexpr int64_t fewest_for_fid_infinity = 20;  // generated images

/// generated: N x D, any floating type, N >= 20. The sizes go in equal steps from min(5000, N / 10) to N, rounded down;
/// subsets are drawn without replacement, as numpy.random.RandomState(0).choice does one after the other. Removes the
/// bias by the number of generated images, not by that of the real ones. It may be below 0.
/// Errors: UserError as frechet_distance, and for fewer images.
double fid_infinity(const at::Tensor& generated, const Moments& real);

}  // namespace fqgan
