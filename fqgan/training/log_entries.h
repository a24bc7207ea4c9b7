// Running means of the values that a family reports, kept as tensors until a report is due.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

#include "fqgan/nn/ranks.h"

namespace fqgan {

class LogEntries {
 public:
  void add(const std::string& name, const torch::Tensor& value);
  /// The means since the last call, over all ranks. Errors: NumericalError that names a value that is not finite.
  std::map<std::string, double> take(const Ranks* ranks = nullptr);
  /// {sum, count} by name, float64, the mean over ranks; saved, so that a report that spans a resume is the same.
  std::map<std::string, torch::Tensor> state(const Ranks* ranks = nullptr) const;
  void restore(const std::map<std::string, torch::Tensor>& state);

 private:
  struct Sum {
    torch::Tensor total;
    int64_t count = 0;
  };
  /// The totals by name, float64 n, means over ranks. One collective, since all ranks report the same names.
  torch::Tensor totals(const Ranks* ranks) const;
  std::map<std::string, Sum> sums_;
};

}  // namespace fqgan
