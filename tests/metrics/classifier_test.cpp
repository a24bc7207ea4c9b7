// The classifier: learns, to the same bits every time, is saved and cached.
#include "fqgan/metrics/classifier.h"

#include <cstdlib>
#include <fstream>

#include "fqgan/checkpoint/checkpoint.h"
#include "fqgan/core/error.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/metrics/classifier_training.h"
#include "fqgan/metrics/feature_table.h"
#include "fqgan/metrics/measured.h"
#include "metrics/striped_data.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

ClassifierTraining short_training(int64_t images = 640) {
  ClassifierTraining options;
  options.images = images;
  options.batch = 32;
  return options;
}

std::unique_ptr<Classifier> striped_classifier(int64_t images = 640) {
  const StripedData data(90, 3);
  return train_classifier(data, nullptr, "stripes", torch::kCPU, short_training(images));
}

torch::Tensor some_pixels(int64_t count, int64_t channels = 1) {
  const StripedData data(count, 3, channels);
  auto pixels = torch::empty({count, 8, 8, channels}, torch::kByte);
  for (int64_t i = 0; i < count; ++i) data.read(i, pixels[i].mutable_data_ptr<uint8_t>());
  return pixels.permute({0, 3, 1, 2});
}

TEST(Classifier, LearnsASeparableSet) {
  const StripedData train(90, 3), test(60, 3);
  const auto held_out = train_classifier(train, nullptr, "stripes", torch::kCPU, short_training());
  EXPECT_EQ(held_out->facts().tested_images, 9);
  EXPECT_EQ(held_out->facts().training_images, 81);
  EXPECT_EQ(held_out->facts().accuracy, 1);
  const auto classifier = train_classifier(train, &test, "stripes", torch::kCPU, short_training());
  EXPECT_EQ(classifier->facts().tested_images, 60);
  EXPECT_EQ(classifier->facts().training_images, 90);
  EXPECT_EQ(classifier->facts().accuracy, 1);
  EXPECT_CONTAINS(classifier->description(), "stripes");
  EXPECT_CONTAINS(classifier->description(), "100.00 %");

  const auto [features, logits] = classifier->extract(some_pixels(12), true);
  EXPECT_EQ(features.sizes(), (at::IntArrayRef{12, 128}));
  EXPECT_TRUE(at::equal(logits.argmax(1), torch::arange(12) % 3));
}

TEST(Classifier, AnUntrainedOneDoesNotKnow) {
  const auto classifier = striped_classifier(32);  // one step
  EXPECT_LT(classifier->facts().accuracy, 1);
}

TEST(Classifier, TwoTrainingsGiveTheSameBits) {
  const auto first = striped_classifier(), second = striped_classifier();
  EXPECT_EQ(first->name(), second->name());
  EXPECT_TRUE(at::equal(first->extract(some_pixels(9), true).features, second->extract(some_pixels(9), true).features));
}

TEST(Classifier, TheNameIsAHashOfTheWeights) {
  const auto classifier = striped_classifier(), other = striped_classifier(672);
  EXPECT_EQ(classifier->name().size(), std::string("classifier-1a2b3c4d").size());
  EXPECT_TRUE(classifier->name().starts_with("classifier-"));
  EXPECT_NE(classifier->name(), other->name());
}

TEST(Classifier, SavedAndLoadedItIsTheSame) {
  TemporaryFolder folder;
  const auto path = (folder / "stripes.safetensors").string();
  const auto classifier = striped_classifier();
  classifier->save(path);
  const auto loaded = open_feature_file(path, torch::kCPU);
  EXPECT_EQ(loaded->name(), classifier->name());
  EXPECT_EQ(loaded->description(), classifier->description());
  EXPECT_EQ(loaded->class_names(), classifier->class_names());
  const auto pixels = some_pixels(9);
  EXPECT_TRUE(at::equal(loaded->extract(pixels, true).features, classifier->extract(pixels, true).features));
  EXPECT_TRUE(at::equal(loaded->extract(pixels, true).logits, classifier->extract(pixels, true).logits));
  const auto bias = load_checkpoint(path).tensors.at("head.bias");
  EXPECT_GT(bias.abs().max().item<float>(), 0);
  EXPECT_TRUE(at::equal(loaded->logit_bias(), bias));
}

TEST(Classifier, FilesThatAreNone) {
  TemporaryFolder folder;
  const auto path = (folder / "other.safetensors").string();
  const auto refused = [&] { return message_of<UserError>([&] { open_feature_file(path, torch::kCPU); }); };
  expect_names(refused(), {"[features]", "'" + path + "'"});
  save_checkpoint(path, {{{"x", torch::zeros({2})}}, {{"kind", "weights"}}});
  expect_names(refused(), {"[" + path + "]", "'weights'"});

  striped_classifier(64)->save(path);
  auto file = load_checkpoint(path);
  const auto whole = file;
  file.tensors.erase("head.weight");
  save_checkpoint(path, file);
  expect_names(refused(), {"head.weight"});
  file = whole;
  file.metadata["class_names"] = "three";
  save_checkpoint(path, file);
  expect_names(refused(), {"[" + path + "]", "accuracy"});
  file = whole;
  file.metadata["channels"] = "70000";
  save_checkpoint(path, file);
  expect_names(refused(), {"[" + path + "]"});
}

TEST(Classifier, RefusesOtherImages) {
  const auto gray = striped_classifier(64);
  gray->check({1, 8, 8}, "images");
  const auto refused = [](const Classifier& classifier, ImageShape shape) {
    return message_of<UserError>([&] { classifier.check(shape, "images"); });
  };
  expect_names(refused(*gray, {1, 16, 16}), {"8", "1 x 16 x 16", "data.resolution=8"});
  expect_names(refused(*gray, {3, 8, 8}), {"data.channels=1"});
  const StripedData coloured(30, 3, 3);
  const auto colour = train_classifier(coloured, nullptr, "stripes", torch::kCPU, short_training(64));
  colour->check({1, 8, 8}, "images");  // measure() repeats gray images, and lays transparent ones on black
  colour->check({4, 8, 8}, "images");
  expect_names(refused(*gray, {4, 8, 8}), {"data.channels=1"});
}

TEST(Classifier, NeedsLabelsAndSplitsThatFit) {
  const StripedData one_class(9, 1), train(90, 3), other_size(30, 3, 1, 16), other_classes(30, 2);
  const auto refused = [&](const Dataset& data, const Dataset* test) {
    return message_of<UserError>([&] { train_classifier(data, test, "stripes", torch::kCPU, short_training(64)); });
  };
  expect_names(refused(one_class, nullptr), {"classifier", "one class"});
  expect_names(refused(train, &other_size), {"1 x 16 x 16"});
  expect_names(refused(train, &other_classes), {"classifier", "classes"});
}

TEST(Classifier, TheCommittedExtractorsAreThoseThatTheDocumentsName) {
  const auto fashion = load_classifier("extractors/fashion-mnist.safetensors", torch::kCPU);
  EXPECT_EQ(fashion->name(), "classifier-0465c3f6");
  EXPECT_GT(fashion->facts().accuracy, 0.91);
  EXPECT_EQ(fashion->class_names().at(9), "boot");
  const auto digits = load_classifier("extractors/mnist.safetensors", torch::kCPU);
  EXPECT_EQ(digits->name(), "classifier-e8889d34");
  EXPECT_GT(digits->facts().accuracy, 0.97);
}

/// On the 10,000 test images, not from the file's metadata. A few images may fall otherwise on another machine.
void expect_accuracy(const std::string& extractor, const std::filesystem::path& data, double least) {
  if (!std::filesystem::exists(data)) GTEST_SKIP() << data << " is not there";
  DataOptions options;
  options.path = data.string();
  options.split = "test";
  options.resolution = 32;
  const auto images = open_dataset(options);
  const auto classifier = load_classifier(extractor, torch::kCPU);
  const auto side = measure(*in_order(*images), *classifier, {"test", images->info().class_names});
  ASSERT_EQ(side.images, 10'000);
  const auto labels = matched_labels(side.labels, side.class_names, classifier->class_names(), "test");
  const double accuracy = class_accuracy(side.logits, labels);
  EXPECT_GT(accuracy, least);
  EXPECT_NEAR(accuracy, classifier->facts().accuracy, 1e-3);
}

TEST(Classifier, TheExtractorOfMnistIsAsGoodAsItSays) {
  expect_accuracy("extractors/mnist.safetensors", "../shared/data/mnist", 0.97);
}

TEST(Classifier, TheExtractorOfFashionMnistIsAsGoodAsItSays) {
  expect_accuracy("extractors/fashion-mnist.safetensors", "/usr/share/datasets/fashion-mnist", 0.91);
}

/// Class folders of PNG files, and a cache folder of the test's own.
struct CachedData {
  CachedData() {
    const StripedData data(60, 3);
    for (int64_t i = 0; i < 60; ++i) {
      auto pixels = torch::empty({1, 8, 8}, torch::kByte);
      const auto label = data.read(i, pixels.mutable_data_ptr<uint8_t>());
      const auto class_folder = folder / "images" / data.info().class_names[label];
      std::filesystem::create_directories(class_folder);
      write_png(class_folder / (std::to_string(i) + ".png"), pixels);
    }
    setenv("FQGAN_CACHE", (folder / "cache").c_str(), 1);
    options.path = (folder / "images").string();
  }
  ~CachedData() { unsetenv("FQGAN_CACHE"); }

  std::unique_ptr<Classifier> classifier() const {
    OpenedData opened(options);
    return cached_classifier(opened, torch::kCPU);
  }

  std::filesystem::path file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder / "cache" / "classifiers"))
      if (entry.path().extension() == ".safetensors") return entry.path();
    return {};
  }

  TemporaryFolder folder;
  DataOptions options;
};

TEST(ClassifierCache, WhatIsThereIsNotTrainedAgain) {
  CachedData data;
  const auto trained = data.classifier();
  EXPECT_EQ(data.classifier()->name(), trained->name());
  auto changed = load_checkpoint(data.file());
  changed.tensors.at("head.bias").add_(1);
  save_checkpoint(data.file(), changed);  // it is read, not trained
  const auto other = load_classifier(data.file(), torch::kCPU)->name();
  EXPECT_NE(other, trained->name());
  EXPECT_EQ(data.classifier()->name(), other);
}

TEST(ClassifierCache, TheClassifierOfOtherImagesIsNotTaken) {
  CachedData data;
  const auto trained = data.classifier();
  striped_classifier(64)->save(data.file());
  EXPECT_EQ(data.classifier()->name(), trained->name());
  EXPECT_EQ(load_classifier(data.file(), torch::kCPU)->name(), trained->name());
}

TEST(ClassifierCache, ADamagedFileIsTrainedAgain) {
  CachedData data;
  const auto trained = data.classifier();
  std::ofstream(data.file(), std::ios::app) << "x";
  EXPECT_EQ(data.classifier()->name(), trained->name());
  EXPECT_EQ(load_classifier(data.file(), torch::kCPU)->name(), trained->name());
}

TEST(ClassifierCache, OtherImagesHaveAnotherClassifier) {
  CachedData data;
  const auto first = data.classifier();
  std::filesystem::remove(data.folder / "images" / "stripe 0" / "0.png");
  EXPECT_NE(data.classifier()->name(), first->name());
}

TEST(ClassifierCache, UnlabelledImagesAreRefused) {
  CachedData data;
  data.options.path = (data.folder / "images" / "stripe 0").string();
  expect_error<UserError>([&] { data.classifier(); }, {"classifier"});
}

TEST(Classifier, WarnsIfItIsHardlyBetterThanGuessing) {
  const auto warned = [](double accuracy, int64_t images, size_t classes) {
    ClassifierFacts facts;
    facts.class_names.resize(classes);
    facts.accuracy = accuracy;
    facts.tested_images = images;
    testing::internal::CaptureStderr();
    warn_if_poor(facts);
    return testing::internal::GetCapturedStderr();
  };
  expect_names(warned(0.4, 20, 3), {"40.00 %", "20 images", "33.33 %", "--features"});
  EXPECT_NE(warned(1, 2, 3), "");  // two images say nothing
  EXPECT_NE(warned(0.55, 5000, 2), "");
  EXPECT_EQ(warned(0.9, 20, 3), "");
  EXPECT_EQ(warned(0.95, 10000, 10), "");
  EXPECT_EQ(warned(0.4, 10000, 100), "");
}

}  // namespace
}  // namespace fqgan::test
