// Adam (Kingma and Ba 2015) by LibTorch's fused operator, or by ops/adam.h with epsilon under the root as in
// openai/improved-gan. Its state is keyed by parameter name.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "fqgan/models/family.h"

namespace fqgan {

class Adam {
 public:
  /// parameters: handles by their full name ("generator.block0.conv1.weight").
  Adam(OptimizerSpec spec, std::map<std::string, torch::Tensor> parameters);

  /// One step with learning rate spec.learning_rate * factor. Skips parameters without a gradient, and does not count
  /// the step for them, as torch.optim.Adam.
  void step(double factor);
  /// Drops the gradients.
  void clear_gradients();
  /// Handles to the existing gradients, in the order of the parameters' names.
  std::vector<torch::Tensor> gradients() const;

  /// Handles to the state, by the names {m, v, step}.<parameter>.
  std::map<std::string, torch::Tensor> state() const;
  const OptimizerSpec& spec() const { return spec_; }

 private:
  OptimizerSpec spec_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, m_, v_, steps_;
};

}  // namespace fqgan
