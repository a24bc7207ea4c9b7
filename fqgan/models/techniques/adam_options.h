// The options of Adam, a table in the recipes of every family.
#pragma once

#include <string>
#include <vector>

#include "fqgan/models/family.h"

namespace fqgan {

struct AdamOptions : Options {
  explicit AdamOptions(double rate, double beta1 = 0) : learning_rate(rate), beta1(beta1) {}
  double learning_rate, beta1, beta2 = 0.999, epsilon = 1e-8;
  bool epsilon_in_root = false;
  void fields(FieldVisitor& visit) override;
  OptimizerSpec spec(std::vector<std::string> networks) const;
};

}  // namespace fqgan
