// Adam (Kingma and Ba 2015) over LibTorch's fused operator, with its state keyed by parameter name. With epsilon under
// the root, as openai/improved-gan has it, over ops/adam.h.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "fqgan/models/family.h"

namespace fqgan {

class Adam {
 public:
  /// Owns nothing: `parameters` are handles by their full name ("generator.block0.conv1.weight").
  Adam(OptimizerSpec spec, std::map<std::string, torch::Tensor> parameters);

  /// One step with learning rate spec.learning_rate * factor. Parameters without a gradient stay as they are and their
  /// step is not counted, as in torch.optim.Adam.
  void step(double factor);
  /// Drops the gradients.
  void clear_gradients();
  /// Of the parameters that have one, in the order of their names: handles.
  std::vector<torch::Tensor> gradients() const;

  /// {m, v, step}.<parameter>, handles.
  std::map<std::string, torch::Tensor> state() const;
  const OptimizerSpec& spec() const { return spec_; }

 private:
  OptimizerSpec spec_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, m_, v_, steps_;
};

}  // namespace fqgan
