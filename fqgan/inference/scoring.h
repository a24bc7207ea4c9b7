// Scores the images of a data set by a trained discriminator: logits, and the codes and errors of its quantizers.
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

/// `trained`: the training data, whose classes a conditional discriminator knows. Classes are matched by name, or by
/// index if one of the two has no names. progress(done) is called after each chunk; may be empty.
/// Errors: UserError for a family without a scorer, a class that the model does not know, an image without a class for
/// a conditional discriminator.
Scores score_images(const Family& family, const DataInfo& trained, const Dataset& images,
                    const std::function<void(int64_t)>& progress = {});

/// exp of the entropy (natural logarithm) of the frequencies of the codes.
double perplexity_of(const torch::Tensor& codes);

}  // namespace fqgan
