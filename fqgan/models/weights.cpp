#include "fqgan/models/weights.h"

#include <set>

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

std::string layer_of(const std::string& tensor) { return tensor.substr(0, tensor.rfind('.')); }

bool follows_classes(const torch::Tensor& saved, const torch::Tensor& target, ClassChange classes) {
  if (saved.dim() != target.dim() || saved.sizes() == target.sizes()) return false;
  for (int64_t d = 0; d < saved.dim(); ++d)
    if (saved.size(d) != target.size(d) && (saved.size(d) != classes.before || target.size(d) != classes.now))
      return false;
  return true;
}

/// The layers of `targets` with a tensor that follows the number of classes.
std::set<std::string> layers_of_classes(const std::map<std::string, torch::Tensor>& saved,
                                        const std::map<std::string, torch::Tensor>& targets, ClassChange classes) {
  std::set<std::string> layers;
  for (const auto& [name, target] : targets)
    if (const auto found = saved.find(name); found != saved.end() && follows_classes(found->second, target, classes))
      layers.insert(layer_of(name));
  return layers;
}

/// "average.generator.x" -> "network.generator.x", the tensor that is averaged.
std::string averaged_name(const Family& family, const std::string& name) {
  for (const auto& [average, spec] : family.averages) {
    const auto prefix = "average." + average + ".";
    if (name.starts_with(prefix)) return "network." + spec.of + "." + name.substr(prefix.size());
  }
  return name;
}

void load_weights(Family& family, const std::map<std::string, torch::Tensor>& saved, const std::string& where) {
  load_start(family, saved, {0, 0}, where);
}

std::vector<std::string> load_start(Family& family, const std::map<std::string, torch::Tensor>& saved,
                                    ClassChange classes, const std::string& where) {
  auto targets = family_tensors(family);
  std::map<std::string, torch::Tensor> wanted;
  bool averages_known = false;
  for (const auto& [name, tensor] : saved) averages_known |= name.starts_with("average.");
  for (const auto& [name, tensor] : targets)
    if (name.starts_with("network.") || (averages_known && name.starts_with("average."))) wanted.emplace(name, tensor);
  const auto anew = layers_of_classes(saved, wanted, classes);
  std::vector<std::string> initial;
  for (const auto& [name, tensor] : targets)
    if (anew.contains(layer_of(name)) && wanted.erase(name) && name.starts_with("network.")) initial.push_back(name);
  check_layers(saved, wanted, where);
  load_tensors(saved, wanted, where);
  if (averages_known) {
    torch::NoGradGuard no_grad;
    for (auto& [name, tensor] : targets)
      if (name.starts_with("average.") && anew.contains(layer_of(name)))
        tensor.copy_(targets.at(averaged_name(family, name)));
  } else {
    for (auto& [name, average] : family.averages) copy_state(*family.networks.at(average.of), *average.network);
  }
  return initial;
}

}  // namespace fqgan
