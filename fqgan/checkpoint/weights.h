// A smaller checkpoint to share: networks and averages, without optimizers, cursors and log offsets.
#pragma once

#include "fqgan/checkpoint/checkpoint.h"

namespace fqgan {

/// metadata["kind"] becomes "weights".
Checkpoint weights_only(const Checkpoint& checkpoint);

}  // namespace fqgan
