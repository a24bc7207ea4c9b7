// What an operator costs, from its name and its arguments.
#pragma once

#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

namespace fqgan {

struct Cost {
  double operations = 0;  // floating-point operations (a multiplication and an addition are two) of the products that
                          // are really made; 0: none, or not known
  bool bfloat16 = false;  // type of the products
};

/// Of convolutions, matrix products and the search for the nearest code.
Cost cost_of(const std::string& name, c10::ArrayRef<const c10::IValue> arguments);

/// Bytes of all tensors among them.
double bytes_of(c10::ArrayRef<const c10::IValue> values);

/// "64x256x32x32, 256x256x3x3": the shapes of the tensors.
std::string shapes_of(c10::ArrayRef<const c10::IValue> values);

}  // namespace fqgan
