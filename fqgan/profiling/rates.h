// How fast this machine computes.
#pragma once

#include <map>

#include "fqgan/profiling/cost.h"

namespace fqgan {

/// Operations per second of the CPU with all threads: the fastest of register-only loops and large matrix products.
double measured_peak(bool bfloat16);

/// What a device reaches in large matrix products of this type and in large copies, measured in about 0.2 seconds.
struct DeviceRates {
  double operations, bytes;  // per second; bytes read and bytes written both count
};
DeviceRates measured_rates(at::Device device, at::ScalarType type);

/// Operations per second of LibTorch's matrix products of given shapes, each measured once.
class ShapeRates {
 public:
  double rate(const Product& product);

 private:
  std::map<Product, double> known_;
};

}  // namespace fqgan
