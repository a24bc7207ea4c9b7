// A family's images as a stream of pixels, for metrics.
#pragma once

#include "fqgan/inference/sampler.h"

namespace fqgan {

/// `count` images. Where the generator has classes and `options` names none, the classes take turns; image i is a
/// function of the seed and i. `family` must outlive the stream; it is only read. Errors: as open_sampler.
std::unique_ptr<ImageSource> generated_images(const Family& family, SampleOptions options, int64_t count);

}  // namespace fqgan
