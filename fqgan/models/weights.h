// A family's tensors by their names in a checkpoint: network.<name>.*, average.<name>.*, state.*
#pragma once

#include <map>
#include <string>

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

}  // namespace fqgan
