#include "fqgan/metrics/classifier_training.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/shape.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/data/store/loader.h"
#include "fqgan/data/views.h"

namespace fqgan {
namespace {

constexpr uint64_t classifier_seed = 0;
constexpr int64_t testing_batch = 250;   // images per forward
constexpr int64_t held_out_one_in = 10;  // one of ten images

/// The training and test images of a classifier.
struct TrainingSplits {
  std::shared_ptr<const Dataset> own_train, own_test;  // keep the sets alive, if they are views made here
  const Dataset* train;
  const Dataset* test;
  std::string tested_on;
};

TrainingSplits splits_of(const Dataset& train, const Dataset* test) {
  if (test) return {nullptr, nullptr, &train, test, "images of the test split"};
  const auto images = train.info().images, held_out = std::max<int64_t>(1, images / held_out_one_in);
  const auto chosen = hold_out(std::vector<int64_t>(images, -1), {held_out, false, classifier_seed});
  TrainingSplits splits;
  splits.own_test = subset(train, chosen.held_out);
  splits.own_train = subset(train, chosen.rest);
  splits.train = splits.own_train.get();
  splits.test = splits.own_test.get();
  splits.tested_on = "images held out";
  return splits;
}

void check_training_data(const Dataset& train, const Dataset* test, const std::string& data) {
  const auto& info = train.info();
  if (info.classes < 2)
    fail("classifier", "expected labels of at least two classes to train a classifier, " + data + " has " +
                           (info.classes == 0 ? "none" : "one class") + ". Hint: use other --features");
  FQGAN_CHECK(info.unlabelled == 0, "a classifier is trained on labelled images only");
  if (info.images < 2) fail("classifier", data + ": expected at least 2 images to train a classifier, got 1");
  if (!test) return;
  const auto& other = test->info();
  const auto shape = shape_of(info), tested = shape_of(other);
  if (shape_text(shape) != shape_text(tested))
    fail("classifier", data + ": expected images of one size, got training images of " + shape_text(shape) +
                           " and test images of " + shape_text(tested) +
                           ". Hint: --set data.resolution=" + std::to_string(info.height));
  if (info.class_names != other.class_names)
    fail("classifier",
         data + ": expected the same classes in both splits; " +
             first_difference(info.class_names, "in the training split", other.class_names, "in the test split") +
             ". Hint: give the folders of both the same names");
}

/// The factor of the learning rate: increases linearly to 1, then decreases linearly to almost 0.
double one_cycle(double done, double warm_up) {
  return std::max(1e-3, done < warm_up ? done / warm_up : (1 - done) / (1 - warm_up));
}

void fit(ClassifierNetwork& network, const Dataset& train, const ClassifierTraining& options) {
  const auto images = train.info().images, batch = std::min(options.batch, images);
  const auto steps = std::max<int64_t>(1, std::min(options.images, options.epochs * images) / batch);
  LoaderOptions loading;
  loading.stream = "classifier";
  loading.seed = classifier_seed;
  loading.batch = batch;
  Loader loader(train, loading);
  torch::optim::SGD optimizer(network->parameters(), torch::optim::SGDOptions(options.rate)
                                                         .momentum(options.momentum)
                                                         .nesterov(true)
                                                         .weight_decay(options.weight_decay));
  for (int64_t step = 0; step < steps; ++step) {
    const double done = static_cast<double>(step) / static_cast<double>(steps);
    for (auto& group : optimizer.param_groups())
      group.options().set_lr(options.rate * one_cycle(done, options.warm_up));
    const auto [pixels, labels] = loader.next();
    Streams random(classifier_seed, Counters{step});
    Pass pass(random);
    pass.training = pass.update_state = true;
    const auto logits = network->forward(classifier_input(pixels, torch::kCPU), pass).logits;
    optimizer.zero_grad();
    at::cross_entropy_loss(logits, labels).backward();
    optimizer.step();
    if (step % 10 == 0) log_status("classifier: " + std::to_string(std::llround(100 * done)) + " %");
  }
  log_status("");
}

double tested_accuracy(ClassifierNetwork& network, const Dataset& test) {
  torch::NoGradGuard no_grad;
  auto unused = Streams::unused();
  Pass pass(unused);
  std::vector<torch::Tensor> logits;
  std::vector<int64_t> labels;
  const auto images = in_order(test);
  for (auto batch = images->next(testing_batch); !batch.empty(); batch = images->next(testing_batch)) {
    std::vector<torch::Tensor> pixels;
    for (const auto& image : batch) {
      pixels.push_back(image.pixels);
      labels.push_back(image.label.value_or(-1));
    }
    const auto stacked = at::stack(pixels).permute({0, 3, 1, 2});
    logits.push_back(network->forward(classifier_input(stacked, torch::kCPU), pass).logits);
  }
  const double accuracy = class_accuracy(at::cat(logits), torch::tensor(labels));
  if (!std::isfinite(accuracy)) fail("classifier", "expected labels in the test split, found none");
  return accuracy;
}

}  // namespace

std::unique_ptr<Classifier> train_classifier(const Dataset& train, const Dataset* test, const std::string& data,
                                             torch::Device device, const ClassifierTraining& options) {
  check_training_data(train, test, data);
  const auto splits = splits_of(train, test);
  log_info("training a classifier on " + std::to_string(splits.train->info().images) + " images of " + data +
           " (once, about a minute for small images)");
  const auto& info = train.info();
  ClassifierFacts facts{{info.channels, info.height, info.width}, info.class_names, data, train.key()};
  auto random = Streams::initial(classifier_seed);
  ClassifierNetwork network(facts.shape, info.classes, random);
  fit(network, *splits.train, options);
  facts.training_images = splits.train->info().images;
  facts.accuracy = tested_accuracy(network, *splits.test);
  facts.tested_images = splits.test->info().images;
  facts.tested_on = splits.tested_on;
  network->to(device);
  warn_if_poor(facts);
  return std::make_unique<Classifier>(network, std::move(facts), device);
}

}  // namespace fqgan
