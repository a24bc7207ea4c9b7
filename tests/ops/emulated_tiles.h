// The search on matrix tiles (fqgan/ops/kernels/screening_tiles_body.h) with tiles in memory, so that its algorithm is
// tested on processors that have none.
#pragma once

#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan::test {

const ops::kernels::InstructionSet& emulated_tiles();

}  // namespace fqgan::test
