// Any processor: vectors of four, as the compiler makes them.
#include "fqgan/ops/kernels/kernels.h"

namespace fqgan::ops::kernels {
namespace {

// Each needs what stands before it.
// clang-format off
#include "fqgan/ops/kernels/plain_vector.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/rows_body.h"
#include "fqgan/ops/kernels/columns_body.h"
#include "fqgan/ops/kernels/minibatch_body.h"
#include "fqgan/ops/kernels/weight_norm_body.h"
#include "fqgan/ops/kernels/adam_body.h"
#include "fqgan/ops/kernels/noise_body.h"
#include "fqgan/ops/kernels/screen_body.h"
#include "fqgan/ops/kernels/screen_float32.h"
#include "fqgan/ops/kernels/table_body.h"
// clang-format on

}  // namespace

constinit const Kernels plain_kernels = [] {
  auto k = common_kernels("plain");
  set_screening(k, screen_with<2, Float32<16>>, 16, nullptr);
  return k;
}();

}  // namespace fqgan::ops::kernels
