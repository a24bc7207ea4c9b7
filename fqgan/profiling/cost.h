// What an operator costs, from its name and its arguments.
#pragma once

#include <ATen/core/ivalue.h>
#include <c10/core/Device.h>

#include <string>
#include <vector>

namespace fqgan {

/// `count` matrix products of rows x depth with depth x columns.
struct Product {
  int64_t count = 1, rows, columns, depth;
  bool bfloat16 = false;
  auto operator<=>(const Product&) const = default;
  /// Floating-point operations; a multiplication and an addition are two.
  double operations() const { return 2. * double(count) * double(rows) * double(columns) * double(depth); }
};

/// The products that convolutions, matrix products and the search for the nearest code really make on `device` (where
/// the tensors are, or would be if they were not on `meta`); empty: none, or not known.
std::vector<Product> products_of(const std::string& name, c10::ArrayRef<const c10::IValue> arguments,
                                 at::Device device);

/// Bytes that our operators' CPU kernels hold beside arguments and results; 0 for all others and elsewhere.
int64_t workspace_of(const std::string& name, c10::ArrayRef<const c10::IValue> arguments, at::Device device);

/// Bytes of all tensors among them.
double bytes_of(c10::ArrayRef<const c10::IValue> values);

/// "64x256x32x32, 256x256x3x3": the shapes of the tensors.
std::string shapes_of(c10::ArrayRef<const c10::IValue> values);

}  // namespace fqgan
