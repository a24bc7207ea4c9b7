// The cache of classifiers. One process at a time trains a classifier, under a lock; the file gets its name when it is
// complete.
#include <filesystem>
#include <optional>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/file_lock.h"
#include "fqgan/core/log.h"
#include "fqgan/data/store/pixel_cache.h"
#include "fqgan/metrics/classifier_training.h"

namespace fqgan {
namespace {

constexpr const char* training_version = "-1";  // must change when the training gives another classifier

std::unique_ptr<Classifier> find_classifier(const std::filesystem::path& path, const std::string& data_key,
                                            torch::Device device) {
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) return nullptr;
  try {
    auto classifier = load_classifier(path, device);
    if (classifier->facts().data_key != data_key)
      fail(path, "expected a classifier of these images, got one of others");
    return classifier;
  } catch (const UserError& error) {
    log_warning("[" + path.string() + "] cannot be used; the classifier is trained again");
    log_detail(error.what());
    return nullptr;
  }
}

std::string name_for_people(const DataOptions& data) {
  const auto path = std::filesystem::path(data.path.value_or("")).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

std::unique_ptr<Classifier> train_for(OpenedData& data, const Dataset& train, torch::Device device) {
  const auto test = data.test(/*labels=*/true);
  const bool labelled = test && test->info().classes > 0;
  return train_classifier(train, labelled ? test.get() : nullptr, name_for_people(data.options()), device);
}

}  // namespace

std::unique_ptr<Classifier> cached_classifier(OpenedData& data, torch::Device device) {
  View all;
  all.training = all.whole = true;
  all.labels = true;
  auto train = data.view(all);
  if (train->info().unlabelled > 0) {
    all.part = "labelled";
    train = data.view(all);
  }
  const auto folder = writable_cache_folder(
      "classifiers", [](const std::string& problem) { log_warning(problem + ": the classifier is not kept"); });
  if (!folder) return train_for(data, *train, device);
  const auto path = *folder / (train->key() + training_version + ".safetensors");
  FileLock lock(path.string() + ".lock", FileLock::removed_at_end);
  lock.lock([] { log_info("another process is training this classifier; waiting for it"); });
  if (auto found = find_classifier(path, train->key(), device)) return found;
  auto classifier = train_for(data, *train, device);
  try {
    classifier->save(path);
    log_info("the classifier is kept in " + path.string());
  } catch (const SystemError& error) {
    log_warning(std::string(error.what()) + ": the classifier is not kept");
  }
  return classifier;
}

}  // namespace fqgan
