// Classifies the images of a data set by one or several trained classifiers.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct Classification {
  torch::Tensor probabilities;  // N x K, float32: the mean over the classifiers
  torch::Tensor labels;         // int64 N, from the data; -1: no label
  torch::Tensor predictions() const { return probabilities.argmax(1); }
  int64_t labelled() const { return labels.ge(0).sum().item<int64_t>(); }
  int64_t wrong() const { return labels.ge(0).logical_and(predictions().ne(labels)).sum().item<int64_t>(); }
};

/// families: with a classifier, for images of the data set's size. progress(done) counts anew for each size of chunks;
/// may be empty.
Classification classify_all(const std::vector<Family*>& classifiers, const Dataset& images,
                            const std::function<void(int64_t)>& progress = {});

}  // namespace fqgan
