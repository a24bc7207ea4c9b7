// The kernels of loops.h, for a set's vectors V.
#pragma once

#include "fqgan/ops/kernels/activation_body.h"
#include "fqgan/ops/kernels/columns_body.h"
#include "fqgan/ops/kernels/elementwise_body.h"
#include "fqgan/ops/kernels/loops.h"
#include "fqgan/ops/kernels/minibatch_body.h"
#include "fqgan/ops/kernels/resampling_body.h"
#include "fqgan/ops/kernels/rows_body.h"
#include "fqgan/ops/kernels/weight_norm_body.h"

namespace fqgan::ops::kernels {
namespace {

template <class V>
constexpr Loops loop_kernels = {row_kernels<V>,      column_kernels,        elementwise_kernels,  minibatch_kernels<V>,
                                weight_norm_kernels, resampling_kernels<V>, activation_kernels<V>};

}  // namespace
}  // namespace fqgan::ops::kernels
