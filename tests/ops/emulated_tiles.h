// The search on matrix tiles (fqgan/ops/kernels/screen_amx.h) with tiles in memory, so that its algorithm is tested on
// processors that have none.
#pragma once

#include "fqgan/ops/kernels/kernels.h"

namespace fqgan::test {

const ops::kernels::Kernels& emulated_tiles();

}  // namespace fqgan::test
