// Any processor: vectors of four, as the compiler makes them.
#include "fqgan/ops/kernels/columns_body.h"
#include "fqgan/ops/kernels/elementwise_body.h"
#include "fqgan/ops/kernels/minibatch_body.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/plain_vector.h"
#include "fqgan/ops/kernels/rows_body.h"
#include "fqgan/ops/kernels/screening_body.h"
#include "fqgan/ops/kernels/tables.h"
#include "fqgan/ops/kernels/weight_norm_body.h"

namespace fqgan::ops::kernels::plain {

constinit const Screening screening = float32_screening<Vector, 2, 16>;
constinit const Rows rows = row_kernels<Vector>;
constinit const Columns columns = column_kernels;
constinit const Elementwise elementwise = elementwise_kernels;
constinit const Minibatch minibatch = minibatch_kernels<Vector>;
constinit const WeightNorm weight_norm = weight_norm_kernels;
constinit const Peak peak = {burn_float32<Vector>, nullptr};

}  // namespace fqgan::ops::kernels::plain
