// What trained classifiers say of the images of a data set.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "fqgan/data/dataset.h"
#include "fqgan/models/family.h"

namespace fqgan {

struct Classification {
  torch::Tensor probabilities;  // N x K, float32: the mean over the classifiers
  torch::Tensor labels;         // int64 N: the data's own; -1 where an image has none
  torch::Tensor predictions() const { return probabilities.argmax(1); }
  int64_t labelled() const { return labels.ge(0).sum().item<int64_t>(); }
  int64_t wrong() const { return labels.ge(0).logical_and(predictions().ne(labels)).sum().item<int64_t>(); }
};

/// Families with a classifier, all for images of the data set's size. progress(done), if there is one: once for
/// each size of their chunks.
Classification classify_all(const std::vector<Family*>& classifiers, const Dataset& images,
                            const std::function<void(int64_t)>& progress = {});

}  // namespace fqgan
