// The kernels of activation.h: plain loops, of which the compiler makes vectors. Sums have one order for all
// instruction sets.
#pragma once

#include "fqgan/ops/kernels/activation.h"
#include "fqgan/ops/kernels/elements_body.h"

namespace fqgan::ops::kernels {
namespace {

constexpr int64_t activation_run = 16;  // channels that are taken together

/// value(scale, bias) of channels c .. c + run - 1, with 1 and 0 where there are none.
template <int64_t run>
struct ChannelFactors {
  float scale[run], bias[run];
  ChannelFactors(const ActivationRows& rows, int64_t c) {
    for (int64_t k = 0; k < run; ++k) scale[k] = rows.scale ? rows.scale[c + k] : 1.f;
    for (int64_t k = 0; k < run; ++k) bias[k] = rows.bias ? rows.bias[c + k] : 0.f;
  }
};

inline float activated(float value, const LeakyActivation& a) {
  const float y = a.gain * (value > 0 ? value : a.slope * value);
  const float above = y < -a.clamp ? -a.clamp : y;
  return above > a.clamp ? a.clamp : above;
}

template <int64_t run, class T>
inline void activate_channels(const ActivationRows& rows, const LeakyActivation& a, int64_t c, const T* __restrict x,
                              T* __restrict y) {
  const ChannelFactors<run> factors(rows, c);
  for (int64_t p = 0; p < rows.positions; ++p) {
    const float noise = rows.noise ? rows.noise[p] : 0.f;
    const T* from = x + p * rows.channels + c;
    T* to = y + p * rows.channels + c;
    for (int64_t k = 0; k < run; ++k)
      put(activated(widen(from[k]) * factors.scale[k] + noise + factors.bias[k], a), to[k]);
  }
}

template <class T>
inline void activate(const ActivationRows& rows, const LeakyActivation& a, const T* x, T* y) {
  int64_t c = 0;
  for (; c + activation_run <= rows.channels; c += activation_run) activate_channels<activation_run>(rows, a, c, x, y);
  for (; c < rows.channels; ++c) activate_channels<1>(rows, a, c, x, y);
}

inline void activation_forward(const ActivationRows& rows, const LeakyActivation& a, const void* x, void* y) {
  if (rows.bfloat16)
    activate(rows, a, static_cast<const uint16_t*>(x), static_cast<uint16_t*>(y));
  else
    activate(rows, a, static_cast<const float*>(x), static_cast<float*>(y));
}

template <class T>
struct ActivationGradient {
  const T *gradient, *y, *x;
  T* gradient_x;
};

template <int64_t run, class T>
inline void differentiate_channels(const ActivationRows& rows, const LeakyActivation& a, int64_t c,
                                   const ActivationGradient<T>& g, const ActivationSums& sums) {
  const ChannelFactors<run> factors(rows, c);
  float scale_sum[run] = {}, bias_sum[run] = {};
  const float positive = a.gain, negative = a.gain * a.slope;
  for (int64_t p = 0; p < rows.positions; ++p) {
    const int64_t at = p * rows.channels + c;
    float slope[run], noise_sum = 0;
    for (int64_t k = 0; k < run; ++k) {
      const float y = widen(g.y[at + k]), size = y < 0 ? -y : y;
      const float factor = y > 0 ? positive : negative;
      slope[k] = (size < a.clamp ? factor : 0.f) * widen(g.gradient[at + k]);
    }
    if (g.gradient_x)
      for (int64_t k = 0; k < run; ++k) put(slope[k] * factors.scale[k], g.gradient_x[at + k]);
    if (sums.scale)
      for (int64_t k = 0; k < run; ++k) scale_sum[k] += slope[k] * widen(g.x[at + k]);
    for (int64_t k = 0; k < run; ++k) bias_sum[k] += slope[k];
    if (!sums.noise) continue;
    for (int64_t k = 0; k < run; ++k) noise_sum += slope[k];
    sums.noise[p] = (c == 0 ? 0.f : sums.noise[p]) + noise_sum;
  }
  for (int64_t k = 0; k < run && sums.scale; ++k) sums.scale[c + k] = scale_sum[k];
  for (int64_t k = 0; k < run && sums.bias; ++k) sums.bias[c + k] = bias_sum[k];
}

template <class T>
inline void differentiate(const ActivationRows& rows, const LeakyActivation& a, const ActivationGradient<T>& g,
                          const ActivationSums& sums) {
  int64_t c = 0;
  for (; c + activation_run <= rows.channels; c += activation_run)
    differentiate_channels<activation_run>(rows, a, c, g, sums);
  for (; c < rows.channels; ++c) differentiate_channels<1>(rows, a, c, g, sums);
}

inline void activation_backward(const ActivationRows& rows, const LeakyActivation& a, const void* gradient,
                                const void* y, const void* x, void* gradient_x, const ActivationSums& sums) {
  const auto run = [&]<class T>(T*) {
    differentiate(rows, a,
                  ActivationGradient<T>{static_cast<const T*>(gradient), static_cast<const T*>(y),
                                        static_cast<const T*>(x), static_cast<T*>(gradient_x)},
                  sums);
  };
  if (rows.bfloat16)
    run(static_cast<uint16_t*>(nullptr));
  else
    run(static_cast<float*>(nullptr));
}

constexpr ActivationKernels activation_kernels = {activation_forward, activation_backward};

}  // namespace
}  // namespace fqgan::ops::kernels
