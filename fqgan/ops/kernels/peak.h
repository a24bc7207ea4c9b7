// How fast an instruction set multiplies when nothing else holds it up: the peak of a profile.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

struct Peak {
  /// Multiplies in registers only, that many rounds; returns the operations done (a multiplication and an addition are
  /// two).
  double (*float32)(int64_t rounds);
  double (*bfloat16)(int64_t rounds);  // null: no such instruction, or nobody has measured it
};

}  // namespace fqgan::ops::kernels
