// Any processor: vectors of four, as the compiler makes them.
#include "fqgan/ops/kernels/few_channels.h"
#include "fqgan/ops/kernels/kernels.h"
#include "fqgan/ops/kernels/winograd.h"

namespace fqgan::ops::kernels {
namespace {

// Each needs what stands before it.
// clang-format off
#include "fqgan/ops/kernels/plain_vector.h"
#include "fqgan/ops/kernels/peak_body.h"
#include "fqgan/ops/kernels/rows_body.h"
#include "fqgan/ops/kernels/columns_body.h"
#include "fqgan/ops/kernels/minibatch_body.h"
#include "fqgan/ops/kernels/noise_body.h"
#include "fqgan/ops/kernels/screen_body.h"
#include "fqgan/ops/kernels/screen_float32.h"
// clang-format on

}  // namespace

const Kernels plain_kernels = {"plain",
                               screen_with<2, Float32<16>>,
                               16,
                               false,
                               nullptr,
                               load_bfloat16,
                               load_float32,
                               norms,
                               exact_best,
                               loss,
                               gradient,
                               blend,
                               sums,
                               row_moments,
                               column_sums,
                               normalise,
                               gradient_sums,
                               normalise_back,
                               burn_float32,
                               nullptr,
                               {minibatch_closeness, minibatch_gradient},
                               add_noise,
                               nullptr,
                               nullptr,
                               nullptr,
                               nullptr};

}  // namespace fqgan::ops::kernels
