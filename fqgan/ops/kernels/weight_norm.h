// What stands around the matrix products of a weight-normalized layer: y = [relu] (x W^T factor + bias), with
// factor = scale / |w| of each of the O rows of W (O x I, float32). Element types of x and y: float32 or bfloat16.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

struct WeightNorm {
  /// Rows first .. last - 1 of the weights: their factors, and, where `narrow` is not null, the rows as bfloat16.
  void (*prepare)(const float* weight, const float* scale, int64_t inputs, int64_t first, int64_t last, float* factor,
                  uint16_t* narrow);
  /// Rows first .. last - 1 of the products, in place: [relu] (product factor + bias).
  void (*finish)(void* products, bool bfloat16, int64_t outputs, int64_t first, int64_t last, const float* factor,
                 const float* bias, bool relu);
  /// Outputs first .. last - 1 of all rows: out = gradient factor and sum = the column's sum of the gradient, both with
  /// the gradient taken for zero where relu made y zero.
  void (*finish_back)(const void* gradient, const void* y, bool bfloat16, int64_t rows, int64_t outputs, int64_t first,
                      int64_t last, const float* factor, bool relu, void* out, float* sum);
  /// Rows first .. last - 1: from `raw`, the gradient of the products times x, that of the weights (with what comes
  /// through their length) and that of the scale.
  void (*weight_back)(const float* weight, const void* raw, bool bfloat16, int64_t inputs, int64_t first, int64_t last,
                      const float* scale, const float* factor, float* dweight, float* dscale);
};

}  // namespace fqgan::ops::kernels
