// The kernels of activation.h for a set's vectors V. Sums have one order for all instruction sets.
#pragma once

#include "fqgan/ops/kernels/activation.h"
#include "fqgan/ops/kernels/elements_body.h"

namespace fqgan::ops::kernels {
namespace {

constexpr int64_t activation_run = 16;  // channels that are summed together

/// Channels from c on of a factor that may be missing.
template <class V>
inline typename V::Floats factor_or(float missing, const float* factors, int64_t c) {
  return factors ? V::load(factors + c) : V::set(missing);
}

/// The activation on vectors; NaN passes.
template <class V>
struct Leaky {
  typename V::Floats slope, gain, low, high;
  explicit Leaky(const LeakyActivation& a)
      : slope(V::set(a.slope)), gain(V::set(a.gain)), low(V::set(-a.clamp)), high(V::set(a.clamp)) {}
  typename V::Floats operator()(typename V::Floats x) const {
    const auto y = gain * V::select(V::above(x, V::set(0)), x, slope * x);
    return V::min(high, V::max(low, y));
  }
};

/// Channels from c on of one position, as many as there are whole vectors for; returns the first that is left over.
template <class V, class T>
inline int64_t activate_position(const ActivationRows& rows, const Leaky<V>& leaky, float noise, int64_t c, const T* x,
                                 T* y) {
  const auto added = V::set(noise);
  for (; c + V::width <= rows.channels; c += V::width)
    store_narrow<V>(
        y + c, leaky(load_wide<V>(x + c) * factor_or<V>(1, rows.scale, c) + added + factor_or<V>(0, rows.bias, c)));
  return c;
}

template <class V, class T>
inline void activate(const ActivationRows& rows, const LeakyActivation& a, const T* x, T* y) {
  const Leaky<V> leaky(a);
  const Leaky<One> rest(a);
  for (int64_t p = 0; p < rows.positions; ++p, x += rows.channels, y += rows.channels) {
    const float noise = rows.noise ? rows.noise[p] : 0.f;
    activate_position<One>(rows, rest, noise, activate_position<V>(rows, leaky, noise, 0, x, y), x, y);
  }
}

template <class V>
void activation_forward(const ActivationRows& rows, const LeakyActivation& a, const void* x, void* y) {
  if (rows.bfloat16)
    activate<V>(rows, a, static_cast<const uint16_t*>(x), static_cast<uint16_t*>(y));
  else
    activate<V>(rows, a, static_cast<const float*>(x), static_cast<float*>(y));
}

template <class T>
struct ActivationGradient {
  const T *gradient, *y, *x;
  T* gradient_x;
};

/// `run` channels from c on, of all positions.
template <class V, int64_t run, class T>
inline void differentiate_channels(const ActivationRows& rows, const LeakyActivation& a, int64_t c,
                                   const ActivationGradient<T>& g, const ActivationSums& sums) {
  constexpr int64_t parts = run / V::width;
  using Floats = typename V::Floats;
  const auto zero = V::set(0), positive = V::set(a.gain), negative = V::set(a.gain * a.slope), limit = V::set(a.clamp);
  Floats scale[parts], scale_sum[parts] = {}, bias_sum[parts] = {};
  for (int64_t k = 0; k < parts; ++k) scale[k] = factor_or<V>(1, rows.scale, c + k * V::width);
  for (int64_t p = 0; p < rows.positions; ++p) {
    const int64_t at = p * rows.channels + c;
    Floats slope[parts];
    for (int64_t k = 0; k < parts; ++k) {
      const auto y = load_wide<V>(g.y + at + k * V::width), size = V::max(y, zero - y);
      const auto factor = V::select(V::above(y, zero), positive, negative);
      slope[k] = V::select(V::above(limit, size), factor, zero) * load_wide<V>(g.gradient + at + k * V::width);
      bias_sum[k] = bias_sum[k] + slope[k];
    }
    if (g.gradient_x)
      for (int64_t k = 0; k < parts; ++k) store_narrow<V>(g.gradient_x + at + k * V::width, slope[k] * scale[k]);
    if (sums.scale)
      for (int64_t k = 0; k < parts; ++k)
        scale_sum[k] = scale_sum[k] + slope[k] * load_wide<V>(g.x + at + k * V::width);
    if (!sums.noise) continue;
    float values[run], noise_sum = 0;
    for (int64_t k = 0; k < parts; ++k) V::store(values + k * V::width, slope[k]);
    for (const float value : values) noise_sum += value;
    sums.noise[p] = (c == 0 ? 0.f : sums.noise[p]) + noise_sum;
  }
  for (int64_t k = 0; k < parts && sums.scale; ++k) V::store(sums.scale + c + k * V::width, scale_sum[k]);
  for (int64_t k = 0; k < parts && sums.bias; ++k) V::store(sums.bias + c + k * V::width, bias_sum[k]);
}

template <class V, class T>
inline void differentiate(const ActivationRows& rows, const LeakyActivation& a, const ActivationGradient<T>& g,
                          const ActivationSums& sums) {
  int64_t c = 0;
  for (; c + activation_run <= rows.channels; c += activation_run)
    differentiate_channels<V, activation_run>(rows, a, c, g, sums);
  for (; c < rows.channels; ++c) differentiate_channels<One, 1>(rows, a, c, g, sums);
}

template <class V>
void activation_backward(const ActivationRows& rows, const LeakyActivation& a, const void* gradient, const void* y,
                         const void* x, void* gradient_x, const ActivationSums& sums) {
  const auto run = [&]<class T>(T*) {
    differentiate<V>(rows, a,
                     ActivationGradient<T>{static_cast<const T*>(gradient), static_cast<const T*>(y),
                                           static_cast<const T*>(x), static_cast<T*>(gradient_x)},
                     sums);
  };
  if (rows.bfloat16)
    run(static_cast<uint16_t*>(nullptr));
  else
    run(static_cast<float*>(nullptr));
}

template <class V>
constexpr ActivationKernels activation_kernels = {activation_forward<V>, activation_backward<V>};

}  // namespace
}  // namespace fqgan::ops::kernels
