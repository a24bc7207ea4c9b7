#include "fqgan/experiment/training_sets.h"

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

void refuse(const Problems& problems) {
  if (problems.lines.empty()) return;
  std::string line;
  for (const auto& problem : problems.lines) line += (line.empty() ? "" : "; ") + problem;
  throw UserError(line);
}

void refuse_classes_without_labels(const Dataset& labelled) {
  const auto& info = labelled.info();
  std::vector<int64_t> images(info.classes, 0);
  std::vector<uint8_t> pixels(info.channels * info.height * info.width);
  for (int64_t i = 0; i < info.images; ++i) ++images.at(labelled.read(i, pixels.data()));
  for (int64_t k = 0; k < info.classes; ++k)
    if (!images[k])
      fail("data",
           "class '" + info.class_names[k] + "' has no labelled image. Hint: label one, or leave the class out");
}

}  // namespace

TrainingSets::TrainingSets(const Recipe& recipe) {
  const auto& train = *(sets_["train"] = open_dataset(recipe.data));
  Problems problems;
  recipe.model->check(train.info(), problems);
  refuse(problems);
  for (const auto& name : recipe.model->datasets()) {
    if (name == "train") continue;
    FQGAN_CHECK(name == "labelled", "no data set is known by the name " + name);
    auto options = recipe.data;
    options.part = "labelled";
    sets_[name] = open_dataset(options);
    refuse_classes_without_labels(*sets_[name]);
  }
}

DatasetsByName TrainingSets::by_name() const {
  DatasetsByName sets;
  for (const auto& [name, set] : sets_) sets[name] = set.get();
  return sets;
}

DatasetsByName everywhere(const FamilyOptions& family, const Dataset& images) {
  DatasetsByName sets;
  for (const auto& name : family.datasets()) sets[name] = &images;
  return sets;
}

}  // namespace fqgan
