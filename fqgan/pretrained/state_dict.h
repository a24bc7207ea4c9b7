// The weights of a pretrained network by name. Takes are checked, and all problems are reported together.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "fqgan/nn/frozen_convolution.h"

namespace fqgan {

class StateDict {
 public:
  /// `where`: the file, for messages. Counters of batch norm ("....num_batches_tracked") are ignored.
  StateDict(std::map<std::string, torch::Tensor> tensors, std::string where);

  /// A float32 tensor of this shape with finite values, and variances of at least 0; zeros, and a problem, otherwise.
  torch::Tensor take(const std::string& name, at::IntArrayRef shape);
  /// The convolution `convolution`.weight (Co x Ci / groups x kh x kw) with the batch norm `norm`.* folded into it.
  FoldedWeights take_folded(const std::string& convolution, const std::string& norm, at::IntArrayRef shape,
                            double epsilon);
  /// Errors: UserError with the first ten tensors that are missing, are not as take() says, or were not taken.
  void finish(const std::string& network) const;
  /// The shapes of all tensors that were asked for.
  const std::map<std::string, std::vector<int64_t>>& requested() const { return requested_; }
  /// The first 8 hex digits of the SHA-256 of all names and tensors.
  std::string hash() const;

 private:
  std::map<std::string, torch::Tensor> tensors_;
  std::string where_;
  std::map<std::string, std::vector<int64_t>> requested_;
  std::vector<std::string> problems_;
};

}  // namespace fqgan
