// A stream of generated images, for metrics.
#pragma once

#include "fqgan/inference/sampler.h"

namespace fqgan {

/// If the generator has classes and `options` names none, the classes take turns.
SampleOptions with_classes(const Family& family, SampleOptions options);

/// How many of `count` images each class has in turn.
std::vector<int64_t> images_of_classes(const Family& family, int64_t count);

/// A stream of `count` images, with the classes of with_classes(). Image i is a function of the seed
/// and i. `family` must outlive the stream and is not changed. Errors: as open_sampler.
std::unique_ptr<ImageSource> generated_images(const Family& family, const SampleOptions& options, int64_t count);

}  // namespace fqgan
