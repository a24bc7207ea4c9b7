// Kernels of minibatch discrimination: o_i = sum over j != i of exp(-|m_i - m_j|_1), for one of its B kernels.
// m [C][stride]: an example a column, N of them; stride a multiple of 16, numbers behind them.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

struct Minibatch {
  /// One kernel's numbers of N examples (bfloat16 or float32, an example `from_stride` on from the one before) -> m.
  void (*read)(const void* examples, bool bfloat16, int64_t from_stride, int64_t count, int64_t dims, float* m,
               int64_t stride);
  /// Back, to nearest even.
  void (*write)(const float* m, int64_t stride, int64_t count, int64_t dims, void* examples, bool bfloat16,
                int64_t to_stride);
  /// similarity [stride]: o, and something behind the N-th.
  void (*similarity)(const float* m, int64_t count, int64_t stride, int64_t dims, float* similarity);
  /// dm [C][stride] for the gradient [stride] of o (zeros behind the N-th). scratch: minibatch_scratch(stride)
  /// floats, zeros at first.
  void (*gradient)(const float* m, const float* gradient, int64_t count, int64_t stride, int64_t dims, float* dm,
                   float* scratch);
};

/// Weights of the pairs of 16 examples with all others.
static constexpr int64_t minibatch_scratch(int64_t stride) { return 16 * stride; }

}  // namespace fqgan::ops::kernels
