// What this machine's processor can do.
#pragma once

#include <map>

#include "fqgan/profiling/cost.h"

namespace fqgan {

/// Operations a second with all threads: the fastest of register-only loops and large matrix products.
double measured_peak(bool bfloat16);

/// Operations a second of LibTorch's matrix products of given shapes, each measured once.
class ShapeRates {
 public:
  double rate(const Product& product);

 private:
  std::map<Product, double> known_;
};

}  // namespace fqgan
