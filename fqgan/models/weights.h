// A family's tensors by their names in a checkpoint: network.<name>.*, average.<name>.*, state.*
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fqgan/models/family.h"

namespace fqgan {

/// Handles to all tensors of the family.
std::map<std::string, torch::Tensor> family_tensors(const Family& family);

/// Copies `saved` into `targets` (handles by name). Errors: UserError that names the first tensor that is missing or
/// has another shape, and counts them; `where` stands for the file. Nothing is copied then.
void load_tensors(const std::map<std::string, torch::Tensor>& saved,
                  const std::map<std::string, torch::Tensor>& targets, const std::string& where);

/// Loads networks and averages of the same architecture, for sampling and fine-tuning. If `saved` has no averages, they
/// become copies of their networks.
void load_weights(Family& family, const std::map<std::string, torch::Tensor>& saved, const std::string& where);

/// The number of classes of a checkpoint and of the family that starts from it.
struct ClassChange {
  int64_t before, now;
};
/// Loads weights as the start of a fine-tuning. If the number of classes changes, layers with one row or column for
/// each class keep their initial values. Returns the names of these tensors in the networks.
std::vector<std::string> load_start(Family& family, const std::map<std::string, torch::Tensor>& saved,
                                    ClassChange classes, const std::string& where);

}  // namespace fqgan
