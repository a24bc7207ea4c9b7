// The options of minibatch discrimination, a table of a recipe (the layer: nn/minibatch_discrimination.h).
#pragma once

#include "fqgan/core/fields.h"

namespace fqgan {

struct MinibatchDiscriminationOptions : Options {
  int64_t kernels = 0, dims = 5;
  void fields(FieldVisitor& visit) override;
};

}  // namespace fqgan
