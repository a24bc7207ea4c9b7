// Error bars by the bootstrap (Efron 1979): the standard deviation of a value over sets of images that are drawn from
// the measured ones with replacement. Only the standard deviation is honest. The resampled values themselves are
// biased: an FID of a resample, which holds about 63 % of the different images, is larger (Efron and Tibshirani 1993,
// section 10.2, on the bootstrap's bias), so that their mean or quantiles are no interval for the value. Not for
// metrics of nearest neighbours within a resampled set, where equal images have the distance 0 and the bootstrap fails
// (Abadie and Imbens 2008).
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace fqgan {

/// The rows of a resample of each side, int64; a value uses those of the sides that it depends on.
using ValueOfResample = std::function<double(const at::Tensor& rows_a, const at::Tensor& rows_b)>;

/// Standard deviation (ddof 1) of `value` over `resamples` >= 2 draws of as many rows as each side has images. The
/// status line shows how many are done.
double bootstrap_std(int64_t resamples, int64_t images_a, int64_t images_b, const ValueOfResample& value);

/// The values of R resamples, which are given by how often each image was drawn. counts: R x N float64 of each side.
using ValuesOfCounts = std::function<std::vector<double>(const at::Tensor& counts_a, const at::Tensor& counts_b)>;

/// The same over the same resamples, for a value that can be computed for many of them at once.
double bootstrap_std_of_counts(int64_t resamples, int64_t images_a, int64_t images_b, const ValuesOfCounts& values);

}  // namespace fqgan
