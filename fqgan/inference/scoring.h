// What a trained discriminator says of the images of a data set: logits, and what its quantizers make of them.
#pragma once

#include <functional>
#include <map>

#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct TapScores {
  torch::Tensor codes, errors;  // int64 N x H x W; float32 N, mean squared quantization error
};

struct Scores {
  torch::Tensor logits;                   // float32 N
  std::map<std::string, TapScores> taps;  // by tap name
};

/// `trained`: the images of the training, whose classes a conditional discriminator knows. Images' classes are matched
/// by name; by index where one of the two has no names. progress(done), if there is one, after each chunk.
/// Errors: UserError for a family without a scorer, a class that the model does not know, an image without a class
/// under a conditional discriminator.
Scores score_images(const Family& family, const DataInfo& trained, const Dataset& images,
                    const std::function<void(int64_t)>& progress = {});

/// exp of the entropy (natural logarithm) of how often each code stands there.
double perplexity_of(const torch::Tensor& codes);

}  // namespace fqgan
