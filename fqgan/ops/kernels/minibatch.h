// Kernels of minibatch discrimination: o_i = sum over j != i of exp(-|m_i - m_j|_1), for one of its B kernels.
// m [C][stride]: an example a column, N of them; stride a multiple of 16, zeros behind them.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

struct Minibatch {
  /// closeness [stride]: o, and something behind the N-th.
  void (*closeness)(const float* m, int64_t count, int64_t stride, int64_t dims, float* closeness);
  /// dm [C][stride] for the gradient [stride] of o (zeros behind the N-th). scratch: minibatch_scratch(C) floats.
  void (*gradient)(const float* m, const float* gradient, int64_t count, int64_t stride, int64_t dims, float* dm,
                   float* scratch);
};

constexpr int64_t minibatch_scratch(int64_t dims) { return dims * 4 * 16; }

}  // namespace fqgan::ops::kernels
