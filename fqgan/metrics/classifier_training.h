// Trains the classifier: Nesterov momentum with a one-cycle learning rate (Smith and Topin 2017), about a minute on two
// cores for sets like Fashion-MNIST. The order of the images and the initial weights are functions of a fixed seed, so
// that the same data, threads and machine give the same bits.
#pragma once

#include "fqgan/data/opened_data.h"
#include "fqgan/metrics/classifier.h"

namespace fqgan {

struct ClassifierTraining {
  int64_t images = 140'000;  // images in total
  int64_t epochs = 40;       // largest number of epochs, for small sets
  int64_t batch = 128;
  double rate = 0.1, warm_up = 0.2;  // the largest learning rate, reached after this fraction of the steps
  double momentum = 0.9, weight_decay = 5e-4;
};

/// Trains on `train` (all images with labels; at least 2 classes and 2 images), on the CPU. Then measures the accuracy
/// on `test`, or if null on a tenth of `train` that is held out, and moves the classifier to `device`. `data`: the
/// set's name for messages. Errors: UserError (no labels, too few images, a `test` of another shape or other classes).
std::unique_ptr<Classifier> train_classifier(const Dataset& train, const Dataset* test, const std::string& data,
                                             torch::Device device, const ClassifierTraining& options = {});

/// The classifier of this data: from the cache ($FQGAN_CACHE/classifiers/<key>.safetensors), else trained on all
/// labelled images of the training split and saved there. Without a writable cache folder it is trained each time.
/// Errors: as train_classifier and OpenedData::view.
std::unique_ptr<Classifier> cached_classifier(OpenedData& data, torch::Device device);

}  // namespace fqgan
