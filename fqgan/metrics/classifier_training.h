// Trains the classifier: Nesterov momentum under a one-cycle learning rate (Smith and Topin 2017), about a minute
// on two cores for sets like Fashion-MNIST. The same data, threads and machine give the same bits: the order of the
// images and the initial weights are functions of a fixed seed.
#pragma once

#include "fqgan/data/opened_data.h"
#include "fqgan/metrics/classifier.h"

namespace fqgan {

struct ClassifierTraining {
  int64_t images = 140'000;  // in all
  int64_t epochs = 40;       // at most, so that small sets are done sooner
  int64_t batch = 128;
  double rate = 0.1, warm_up = 0.2;  // the highest learning rate, reached after this fraction of the steps
  double momentum = 0.9, weight_decay = 5e-4;
};

/// Trains on `train` (all its images have labels; at least 2 classes and 2 images), on the CPU, then measures on
/// `test`; null: on a tenth of `train` that is held out of the training. `data`: the set's name for people. The
/// classifier is then brought to `device`. Errors: UserError (no labels, too few images, a `test` of another shape or
/// other classes).
std::unique_ptr<Classifier> train_classifier(const Dataset& train, const Dataset* test, const std::string& data,
                                             torch::Device device, const ClassifierTraining& options = {});

/// The classifier of this data: from the cache ($FQGAN_CACHE/classifiers/<key>.safetensors), else trained on all
/// labelled images of the training split and kept there. Without a cache folder that can be written it is trained
/// each time. Errors: as train_classifier and OpenedData::view.
std::unique_ptr<Classifier> cached_classifier(OpenedData& data, torch::Device device);

}  // namespace fqgan
