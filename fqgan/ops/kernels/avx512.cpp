// AVX-512 (F, BW, VL, DQ): vectors of sixteen; the search in float32, in tiles of 6 rows and 64 codes.
#include "fqgan/ops/kernels/avx512_vector.h"
#include "fqgan/ops/kernels/loops_body.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/screening_body.h"
#include "fqgan/ops/kernels/tables.h"

namespace fqgan::ops::kernels::avx512 {

constinit const Screening screening = float32_screening<Vector, 6, 64>;
constinit const Loops loops = loop_kernels<Vector>;
constinit const Peak peak = {burn_float32<Vector>, nullptr};

}  // namespace fqgan::ops::kernels::avx512
