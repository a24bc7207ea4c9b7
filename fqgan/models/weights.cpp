#include "fqgan/models/weights.h"

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

void insert_prefixed(std::map<std::string, torch::Tensor>& into, const std::string& prefix,
                     const std::map<std::string, torch::Tensor>& tensors) {
  for (const auto& [name, tensor] : tensors) into.emplace(prefix + name, tensor);
}

}  // namespace

std::map<std::string, torch::Tensor> family_tensors(const Family& family) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, network] : family.networks)
    insert_prefixed(tensors, "network." + name + ".", state_of(*network));
  for (const auto& [name, average] : family.averages)
    insert_prefixed(tensors, "average." + name + ".", state_of(*average.network));
  insert_prefixed(tensors, "state.", family.state);
  return tensors;
}

void load_tensors(const std::map<std::string, torch::Tensor>& saved,
                  const std::map<std::string, torch::Tensor>& targets, const std::string& where) {
  int64_t wrong = 0;
  std::string first;
  for (const auto& [name, target] : targets) {
    const auto found = saved.find(name);
    std::string problem;
    if (found == saved.end())
      problem = "lacks '" + name + "'";
    else if (found->second.sizes() != target.sizes())
      problem =
          "'" + name + "' has shape " + shape_text(found->second.sizes()) + ", expected " + shape_text(target.sizes());
    if (problem.empty()) continue;
    if (wrong++ == 0) first = problem;
  }
  if (wrong)
    fail(where, "the checkpoint has another architecture: " + first +
                    (wrong > 1 ? " (and " + std::to_string(wrong - 1) + " more differ)" : "") +
                    ". Hint: use the recipe that it was trained with");
  torch::NoGradGuard no_grad;
  for (auto [name, target] : targets) target.copy_(saved.at(name));
}

/// Refuses a checkpoint whose layer has tensors that ours lacks (another normalization, a bias): its weight alone means
/// something else.
void check_layers(const std::map<std::string, torch::Tensor>& saved,
                  const std::map<std::string, torch::Tensor>& targets, const std::string& where) {
  for (const auto& [name, tensor] : saved)
    if (!targets.contains(name) && targets.contains(name.substr(0, name.rfind('.')) + ".weight"))
      fail(where, "the checkpoint has another architecture: its '" + name +
                      "' does not exist in this model. Hint: use the recipe that it was trained with");
}

void load_weights(Family& family, const std::map<std::string, torch::Tensor>& saved, const std::string& where) {
  auto targets = family_tensors(family);
  std::map<std::string, torch::Tensor> wanted;
  bool averages_known = false;
  for (const auto& [name, tensor] : saved) averages_known |= name.starts_with("average.");
  for (const auto& [name, tensor] : targets)
    if (name.starts_with("network.") || (averages_known && name.starts_with("average."))) wanted.emplace(name, tensor);
  check_layers(saved, wanted, where);
  load_tensors(saved, wanted, where);
  if (averages_known) return;
  for (auto& [name, average] : family.averages) copy_state(*family.networks.at(average.of), *average.network);
}

}  // namespace fqgan
