// The data sets of a training, by the names that its family's streams use.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "fqgan/experiment/recipe.h"

namespace fqgan {

using DatasetsByName = std::map<std::string, const Dataset*>;

class TrainingSets {
 public:
  /// "train": the recipe's data; "labelled": those of its images that have a label. Errors: UserError as open_dataset;
  /// data that the recipe's family cannot take; a class without a label.
  explicit TrainingSets(const Recipe& recipe);

  const Dataset& train() const { return *sets_.at("train"); }
  DatasetsByName by_name() const;

 private:
  std::map<std::string, std::unique_ptr<Dataset>> sets_;
};

/// The same images under every name that the family's streams use.
DatasetsByName everywhere(const FamilyOptions& family, const Dataset& images);

}  // namespace fqgan
