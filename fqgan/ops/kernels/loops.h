// The kernels that are loops over an operator's numbers: one source for all instruction sets, compiled for each one's
// vectors. The search and the convolutions differ more, and so do the sets that have them.
#pragma once

#include "fqgan/ops/kernels/activation.h"
#include "fqgan/ops/kernels/columns.h"
#include "fqgan/ops/kernels/elementwise.h"
#include "fqgan/ops/kernels/minibatch.h"
#include "fqgan/ops/kernels/resampling.h"
#include "fqgan/ops/kernels/rows.h"
#include "fqgan/ops/kernels/weight_norm.h"

namespace fqgan::ops::kernels {

struct Loops {
  Rows rows;
  Columns columns;
  Elementwise elementwise;
  Minibatch minibatch;
  WeightNorm weight_norm;
  Resampling resampling;
  ActivationKernels activation;
};

}  // namespace fqgan::ops::kernels
