#include "fqgan/models/weights.h"

#include <set>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"
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
                  const std::map<std::string, torch::Tensor>& targets, const std::string& where, const Misfit& misfit) {
  struct {
    std::vector<std::string> problems, missing;
  } networks, averages;
  for (const auto& [name, target] : targets) {
    const auto found = saved.find(name);
    if (found != saved.end() && found->second.sizes() == target.sizes()) continue;
    auto& list = name.starts_with("average.") ? averages : networks;
    if (found == saved.end())
      list.missing.push_back("'" + name + "'");
    else
      list.problems.push_back("'" + name + "' has shape " + shape_text(found->second.sizes()) + ", expected " +
                              shape_text(target.sizes()));
  }
  for (auto* list : {&networks, &averages}) {
    if (!list->missing.empty()) list->problems.push_back("missing: " + join(list->missing));
    if (!list->problems.empty())
      fail(where, misfit.cause + ": " + join(list->problems, "; ") + ". Hint: " + misfit.hint);
  }
  torch::NoGradGuard no_grad;
  for (auto [name, target] : targets) target.copy_(saved.at(name));
}

/// Refuses a checkpoint whose layer has tensors that ours lacks (another normalization, a bias): its weight alone means
/// something else.
void check_layers(const std::map<std::string, torch::Tensor>& saved,
                  const std::map<std::string, torch::Tensor>& targets, const std::string& where, const Misfit& misfit) {
  for (const auto& [name, tensor] : saved)
    if (!targets.contains(name) && targets.contains(name.substr(0, name.rfind('.')) + ".weight"))
      fail(where, misfit.cause + ": its '" + name + "' does not exist in this model. Hint: " + misfit.hint);
}

std::string layer_of(const std::string& tensor) { return tensor.substr(0, tensor.rfind('.')); }

bool follows_classes(const torch::Tensor& saved, const torch::Tensor& target, const StartingPoint& start) {
  if (saved.dim() != target.dim() || saved.sizes() == target.sizes()) return false;
  for (int64_t d = 0; d < saved.dim(); ++d)
    if (saved.size(d) != target.size(d) &&
        (saved.size(d) != start.classes_before || target.size(d) != start.classes_now))
      return false;
  return true;
}

/// The tensors of a quantizer are those of its network's taps.
bool is_of_quantizer(const std::string& name) { return name.find(".taps.") != std::string::npos; }

/// The layers of `targets` that start anew, with the reason.
std::map<std::string, std::string> layers_anew(const std::map<std::string, torch::Tensor>& saved,
                                               const std::map<std::string, torch::Tensor>& targets,
                                               const StartingPoint& start) {
  std::map<std::string, std::string> layers;
  for (const auto& [name, target] : targets) {
    const auto found = saved.find(name);
    if (found == saved.end() && start.quantizers_anew && is_of_quantizer(name))
      layers.emplace(layer_of(name), "the checkpoint has no such quantizer");
    if (found != saved.end() && follows_classes(found->second, target, start))
      layers.emplace(layer_of(name), "there were " + plural(start.classes_before, "class") + " and now are " +
                                         std::to_string(start.classes_now));
  }
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
  load_start(family, saved, {where});
}

std::vector<InitialTensor> load_start(Family& family, const std::map<std::string, torch::Tensor>& saved,
                                      const StartingPoint& start) {
  auto targets = family_tensors(family);
  std::map<std::string, torch::Tensor> wanted;
  bool averages_known = false;
  for (const auto& [name, tensor] : saved) averages_known |= name.starts_with("average.");
  for (const auto& [name, tensor] : targets)
    if (name.starts_with("network.") || (averages_known && name.starts_with("average."))) wanted.emplace(name, tensor);
  const auto anew = layers_anew(saved, wanted, start);
  std::vector<InitialTensor> initial;
  for (const auto& [name, tensor] : targets)
    if (const auto layer = anew.find(layer_of(name)); layer != anew.end())
      if (wanted.erase(name) && name.starts_with("network.")) initial.push_back({name, layer->second});
  check_layers(saved, wanted, start.where, start.misfit);
  load_tensors(saved, wanted, start.where, start.misfit);
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
