// The distances of a generator's images for small steps of their latents, from which the metric ppl is computed.
#pragma once

#include "fqgan/inference/sampler.h"
#include "fqgan/metrics/features.h"
#include "fqgan/metrics/path_length.h"

namespace fqgan {

/// The distances of `count` pairs of images (fqgan/inference/latent_steps.h) in the features of the extractor: float64
/// N. The images are not rounded to bytes. Gray images are repeated for an extractor of three channels. Errors:
/// UserError as check_sampling and FeatureExtractor::distance_features.
at::Tensor measured_steps(const Family& family, const SampleOptions& options, int64_t count,
                          FeatureExtractor& extractor, const PathLengthOptions& settings, double length = path_epsilon);

}  // namespace fqgan
