// Running means of the figures that a family reports, kept as tensors until a report is due.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>

namespace fqgan {

class Figures {
 public:
  void add(const std::string& name, const torch::Tensor& value);
  /// The means since the last call. Errors: NumericalError that names a figure that is not finite.
  std::map<std::string, double> take();
  /// {sum, count} by name, float64: saved, so that a report that spans a resume is the same.
  std::map<std::string, torch::Tensor> state() const;
  void restore(const std::map<std::string, torch::Tensor>& state);

 private:
  struct Sum {
    torch::Tensor total;
    int64_t count = 0;
  };
  std::map<std::string, Sum> sums_;
};

}  // namespace fqgan
