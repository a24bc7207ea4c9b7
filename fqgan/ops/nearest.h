// The search for the nearest code: a panel of rows is screened in bfloat16 where the processor is quick at that, rows
// that this leaves open in float32, and what is open then is settled in double. dictionary.h has the bounds.
#pragma once

#include <ATen/core/Tensor.h>

#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan::ops {

/// codebook: float32 K x D, contiguous. codes: as many as the map has rows.
void find_nearest(const kernels::Map& map, const at::Tensor& codebook, const kernels::InstructionSet& set,
                  int64_t* codes);

}  // namespace fqgan::ops
