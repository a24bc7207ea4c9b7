// Any processor: vectors of four, as the compiler makes them.
#include "fqgan/ops/kernels/loops_body.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/plain_vector.h"
#include "fqgan/ops/kernels/screening_body.h"
#include "fqgan/ops/kernels/tables.h"

namespace fqgan::ops::kernels::plain {

constinit const Screening screening = float32_screening<Vector, 2, 16>;
constinit const Loops loops = loop_kernels<Vector>;
constinit const Peak peak = {burn_float32<Vector>, nullptr};

}  // namespace fqgan::ops::kernels::plain
