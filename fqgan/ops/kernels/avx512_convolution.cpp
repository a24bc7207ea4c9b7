// Winograd's convolutions, and those of few channels, on AVX-512, in float32.
#include "fqgan/ops/kernels/avx512_unit.h"
#include "fqgan/ops/kernels/few_channels_body.h"
#include "fqgan/ops/kernels/tables.h"
#include "fqgan/ops/kernels/winograd_body.h"

namespace fqgan::ops::kernels {
namespace {

struct Float32 : Avx512 {
  using Element = float;
  using Step = __m512;
  static constexpr int depth = 1;
  static float to_float(float x) { return x; }
  static float from_float(float x) { return x; }
  static Floats load(const float* from) { return load_floats(from); }
  static void store(float* to, Floats value) { store_floats(to, value); }
  static void store_step(float* to, const Floats (&values)[1]) { store_floats(to, values[0]); }
  static Step load_step(const float* from) { return load_floats(from); }
  static Step broadcast_step(const float* from) { return _mm512_set1_ps(*from); }
  static Floats accumulate(Floats sum, Step x, Step w) { return _mm512_fmadd_ps(x, w, sum); }
};

}  // namespace

namespace avx512 {

constinit const Winograd winograd = winograd_kernels<Float32>;
constinit const FewChannels few_channels = few_channels_kernels<Float32>;

}  // namespace avx512
}  // namespace fqgan::ops::kernels
