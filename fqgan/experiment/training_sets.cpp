#include "fqgan/experiment/training_sets.h"

#include "fqgan/core/error.h"

namespace fqgan {

TrainingSets::TrainingSets(const Recipe& recipe) : opened_(std::make_shared<OpenedData>(recipe.data)) {
  if (recipe.data.part == "held_out")
    fail("data.part",
         "expected images to train on, got the part that is held out of the training. Hint: use all, labelled or "
         "unlabelled");
  const auto requests = recipe.model->datasets();
  try {
    open_requests(*opened_, requests, sets_);
  } catch (const UserError&) {
    // The family's message about the first set is more helpful than the message that another view is empty.
    if (!sets_.empty()) recipe.model->require(infos_of(requests, train().info()));
    throw;
  }
  recipe.model->require(infos());
  for (const auto& request : requests)
    if (request.view.part == "labelled") require_every_class(*sets_.at(request.name));
}

const Dataset& TrainingSets::train() const {
  const auto found = sets_.find("train");
  return *(found == sets_.end() ? sets_.begin() : found)->second;
}

DatasetsByName TrainingSets::by_name() const {
  DatasetsByName sets;
  for (const auto& [name, set] : sets_) sets[name] = set.get();
  return sets;
}

DatasetsByName everywhere(const FamilyOptions& family, const Dataset& images) {
  DatasetsByName sets;
  for (const auto& request : family.datasets()) sets[request.name] = &images;
  return sets;
}

}  // namespace fqgan
