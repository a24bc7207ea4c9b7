// A family's tensors by their names in a checkpoint: network.<name>.*, average.<name>.*, state.*
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fqgan/models/family.h"

namespace fqgan {

/// Handles to all tensors of the family.
std::map<std::string, torch::Tensor> family_tensors(const Family& family);

/// Why weights may not fit, and what to do about it.
struct Misfit {
  std::string cause = "the checkpoint has another architecture", hint = "use the recipe that it was trained with";
};
/// Copies `saved` into `targets` (handles by name). Errors: UserError that lists every tensor that is missing or has
/// another shape; averages only if all others fit; `where` stands for the file. Nothing is copied then.
void load_tensors(const std::map<std::string, torch::Tensor>& saved,
                  const std::map<std::string, torch::Tensor>& targets, const std::string& where, const Misfit& misfit);

/// Loads networks and averages of the same architecture, for sampling and fine-tuning. If `saved` has no averages, they
/// become copies of their networks.
void load_weights(Family& family, const std::map<std::string, torch::Tensor>& saved, const std::string& where);

/// What a fine-tuning starts from.
struct StartingPoint {
  std::string where;                            // the file, for error messages
  int64_t classes_before = 0, classes_now = 0;  // of the checkpoint's data and of the family's
  bool quantizers_anew = false;                 // whether quantizers that the checkpoint lacks keep initial values
  Misfit misfit;
};
/// A tensor that keeps its initial values, and why: "there were 10 classes and now are 3".
struct InitialTensor {
  std::string name, reason;
};
/// Loads weights as the start of a fine-tuning. If the number of classes changes, layers with one row or column for
/// each class keep their initial values. Returns the tensors of the networks that do. Errors: as load_tensors.
std::vector<InitialTensor> load_start(Family& family, const std::map<std::string, torch::Tensor>& saved,
                                      const StartingPoint& start);

}  // namespace fqgan
