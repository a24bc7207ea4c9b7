// The kernels of weight_norm.h. Sums have one order, and products are not contracted: the same bits from all
// instruction sets.
#pragma once

#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/weight_norm.h"

namespace fqgan::ops::kernels {
namespace {

inline void weight_norm_prepare(const float* weight, const float* scale, int64_t inputs, int64_t first, int64_t last,
                                float* factor, uint16_t* narrow) {
  for (int64_t o = first; o < last; ++o) {
    const float* row = weight + o * inputs;
    factor[o] = scale[o] / __builtin_sqrtf(squares(inputs, [row](int64_t i) { return row[i]; }));
    if (narrow) convert(row, inputs, narrow + o * inputs);
  }
}

template <class T>
void weight_norm_finish_of(T* __restrict y, int64_t outputs, int64_t count, const float* __restrict factor,
                           const float* __restrict bias, bool relu) {
  const float least = relu ? 0.f : -__builtin_inff();
  for (int64_t r = 0; r < count; ++r, y += outputs)
    for (int64_t o = 0; o < outputs; ++o) {
      const float value = widen(y[o]) * factor[o] + bias[o];
      put(value < least ? least : value, y[o]);  // NaN passes
    }
}

template <class T>
void weight_norm_finish_back_of(const T* __restrict gradient, const T* __restrict y, int64_t rows, int64_t outputs,
                                int64_t first, int64_t last, const float* __restrict factor, bool relu,
                                T* __restrict out, float* __restrict sum) {
  for (int64_t o = first; o < last; ++o) sum[o] = 0;
  for (int64_t r = 0; r < rows; ++r, gradient += outputs, y += outputs, out += outputs)
    for (int64_t o = first; o < last; ++o) {
      const float g = relu && !(widen(y[o]) > 0) ? 0.f : widen(gradient[o]);
      sum[o] += g;
      put(g * factor[o], out[o]);
    }
}

template <class T>
void weight_norm_back_of(const float* __restrict weight, const T* __restrict raw, int64_t inputs, int64_t first,
                         int64_t last, const float* scale, const float* factor, float* __restrict dweight,
                         float* dscale) {
  for (int64_t o = first; o < last; ++o) {
    const float* row = weight + o * inputs;
    const T* from = raw + o * inputs;
    float* to = dweight + o * inputs;
    // d|w| = w / |w|, and factor = scale / |w|: the length takes away what of the gradient points along w.
    const float along = sum_of(inputs, [row, from](int64_t i) { return row[i] * widen(from[i]); });
    const float length = scale[o] / factor[o], along_unit = along / (length * length);
    dscale[o] = along / scale[o];
    for (int64_t i = 0; i < inputs; ++i) to[i] = widen(from[i]) - row[i] * along_unit;
  }
}

inline void weight_norm_finish(void* products, bool bfloat16, int64_t outputs, int64_t first, int64_t last,
                               const float* factor, const float* bias, bool relu) {
  if (bfloat16)
    weight_norm_finish_of(static_cast<uint16_t*>(products) + first * outputs, outputs, last - first, factor, bias,
                          relu);
  else
    weight_norm_finish_of(static_cast<float*>(products) + first * outputs, outputs, last - first, factor, bias, relu);
}

inline void weight_norm_finish_back(const void* gradient, const void* y, bool bfloat16, int64_t rows, int64_t outputs,
                                    int64_t first, int64_t last, const float* factor, bool relu, void* out,
                                    float* sum) {
  const auto typed = [&]<class T>(const T* from) {
    weight_norm_finish_back_of(from, static_cast<const T*>(y), rows, outputs, first, last, factor, relu,
                               static_cast<T*>(out), sum);
  };
  bfloat16 ? typed(static_cast<const uint16_t*>(gradient)) : typed(static_cast<const float*>(gradient));
}

inline void weight_norm_back(const float* weight, const void* raw, bool bfloat16, int64_t inputs, int64_t first,
                             int64_t last, const float* scale, const float* factor, float* dweight, float* dscale) {
  if (bfloat16)
    weight_norm_back_of(weight, static_cast<const uint16_t*>(raw), inputs, first, last, scale, factor, dweight, dscale);
  else
    weight_norm_back_of(weight, static_cast<const float*>(raw), inputs, first, last, scale, factor, dweight, dscale);
}

constexpr WeightNorm weight_norm_kernels = {weight_norm_prepare, weight_norm_finish, weight_norm_finish_back,
                                            weight_norm_back};

}  // namespace
}  // namespace fqgan::ops::kernels
