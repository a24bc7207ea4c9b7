// The data sets of a training, by the names that its family's streams use.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "fqgan/data/dataset_request.h"
#include "fqgan/experiment/recipe.h"

namespace fqgan {

using DatasetsByName = std::map<std::string, const Dataset*>;

class TrainingSets {
 public:
  /// Opens the views that the recipe's family requests. Errors: UserError as open_requests; data that the family cannot
  /// use.
  explicit TrainingSets(const Recipe& recipe);

  /// "train", or the first by name of a family that has no such set.
  const Dataset& train() const;
  DatasetsByName by_name() const;
  DataInfos infos() const { return infos_of(sets_); }
  /// The opened data, for further views.
  std::shared_ptr<OpenedData> opened() const { return opened_; }

 private:
  std::shared_ptr<OpenedData> opened_;
  Datasets sets_;
};

/// The same images under every name that the family's streams use.
DatasetsByName everywhere(const FamilyOptions& family, const Dataset& images);

}  // namespace fqgan
