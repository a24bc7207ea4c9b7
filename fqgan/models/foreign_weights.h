// Weights of other projects: the tensors of a file, and their transfer into one of our networks.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace fqgan {

/// A state_dict, its metadata, and its file for error messages.
struct ForeignWeights {
  std::string file;
  std::map<std::string, torch::Tensor> tensors;
  std::map<std::string, std::string> metadata = {};
};

/// The networks of a model; what was not given is unset.
struct ForeignNetworks {
  ForeignWeights generator;
  std::optional<ForeignWeights> discriminator = std::nullopt, average = std::nullopt;
};

/// How another project names and stores the tensors of a network.
struct ForeignNames {
  std::function<std::optional<std::string>(const std::string& ours)> name;  // -> theirs; unset: not in their files
  std::function<torch::Tensor(const std::string& ours, const torch::Tensor& theirs)> value;  // in our shape
  std::function<bool(const std::string& theirs)> unread;  // tensors of their files that have no place in ours
  std::string hint;                                       // what to do about weights that do not fit
};

/// Copies weights into `network`. Errors: UserError that lists every tensor that is missing, left over or of another
/// shape; nothing is copied then.
void copy_foreign(const ForeignWeights& weights, torch::nn::Module& network, const ForeignNames& names);

}  // namespace fqgan
