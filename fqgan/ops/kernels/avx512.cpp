// AVX-512 (F, BW, VL, DQ): vectors of sixteen; the search in float32, in tiles of 6 rows and 64 codes.
#include "fqgan/ops/kernels/avx512_vector.h"
#include "fqgan/ops/kernels/columns_body.h"
#include "fqgan/ops/kernels/elementwise_body.h"
#include "fqgan/ops/kernels/minibatch_body.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/rows_body.h"
#include "fqgan/ops/kernels/screening_body.h"
#include "fqgan/ops/kernels/tables.h"
#include "fqgan/ops/kernels/weight_norm_body.h"

namespace fqgan::ops::kernels::avx512 {

constinit const Screening screening = float32_screening<Vector, 6, 64>;
constinit const Rows rows = row_kernels<Vector>;
constinit const Columns columns = column_kernels;
constinit const Elementwise elementwise = elementwise_kernels;
constinit const Minibatch minibatch = minibatch_kernels<Vector>;
constinit const WeightNorm weight_norm = weight_norm_kernels;
constinit const Peak peak = {burn_float32<Vector>, nullptr};

}  // namespace fqgan::ops::kernels::avx512
