#include "fqgan/models/foreign_weights.h"

#include <set>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

/// "'x' has shape [8, 16] (here [16, 8]), expected [16, 16]"
std::string misfit(const std::string& name, const torch::Tensor& theirs, const torch::Tensor& value,
                   const torch::Tensor& target) {
  const auto here = value.sizes() == theirs.sizes() ? "" : " (here " + shape_text(value.sizes()) + ")";
  return "'" + name + "' has shape " + shape_text(theirs.sizes()) + here + ", expected " + shape_text(target.sizes());
}

}  // namespace

void copy_foreign(const ForeignWeights& weights, torch::nn::Module& network, const ForeignNames& names) {
  std::set<std::string> unused;
  for (const auto& [name, tensor] : weights.tensors)
    if (!names.unread(name)) unused.insert("'" + name + "'");
  std::vector<std::string> missing, misshapen;
  std::vector<std::pair<torch::Tensor, torch::Tensor>> copies;
  for (auto& [ours, target] : state_of(network)) {
    const auto theirs = names.name(ours);
    if (!theirs) continue;
    const auto found = weights.tensors.find(*theirs);
    if (found == weights.tensors.end()) {
      missing.push_back("'" + *theirs + "'");
      continue;
    }
    unused.erase("'" + *theirs + "'");
    const auto value = names.value(ours, found->second);
    if (value.is_floating_point() && !at::isfinite(value).all().item<bool>())
      fail(weights.file, "expected finite weights, found NaN or infinity in '" + *theirs +
                             "'. Hint: convert the file again; if it is the same, take an earlier one");
    if (value.sizes() == target.sizes())
      copies.emplace_back(target, value);
    else
      misshapen.push_back(misfit(*theirs, found->second, value, target));
  }
  std::vector<std::string> problems = misshapen;
  if (!missing.empty()) problems.push_back("missing: " + join(missing));
  if (!unused.empty()) problems.push_back("left over: " + join({unused.begin(), unused.end()}));
  if (!problems.empty())
    fail(weights.file, "the weights do not fit the architecture: " + join(problems, "; ") + ". Hint: " + names.hint);
  torch::NoGradGuard no_grad;
  for (auto& [target, value] : copies) target.copy_(value);
}

}  // namespace fqgan
