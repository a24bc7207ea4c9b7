// The kernels of winograd.h, for a unit U (winograd_forms_body.h), with the transform of weights.
#pragma once

#include "fqgan/ops/kernels/winograd_forward_body.h"
#include "fqgan/ops/kernels/winograd_weight_body.h"

namespace fqgan::ops::kernels {
namespace {

template <class Form, class U>
void transform_weight(const typename U::Floats (&tap)[3][3], typename U::Floats (&out)[Form::rows][Form::rows]) {
  typename U::Floats half[Form::rows][3];
  for (int i = 0; i < Form::rows; ++i)
    for (int t = 0; t < 3; ++t) {
      half[i][t] = U::set(0);
      for (int s = 0; s < 3; ++s) half[i][t] = U::add(half[i][t], U::multiply(tap[s][t], U::set(Form::weights[i][s])));
    }
  for (int i = 0; i < Form::rows; ++i)
    for (int j = 0; j < Form::rows; ++j) {
      out[i][j] = U::set(0);
      for (int t = 0; t < 3; ++t) out[i][j] = U::add(out[i][j], U::multiply(half[i][t], U::set(Form::weights[j][t])));
    }
}

template <class U>
void pack(Resample form, const Taps& w, int64_t first, int64_t last, void* packed) {
  auto* to = static_cast<typename U::Element*>(packed);
  const int64_t columns = columns_of<U>(w.out), steps = w.in / U::depth, plane = w.out * w.in;
  with_form(form, [&]<class Form>(Form) {
    for (int64_t q = first; q < last; ++q)
      for (int64_t c = 0; c < columns; c += U::lanes) {
        const int64_t block = q / steps, k = q % steps;
        typename U::Floats product[U::depth][Form::rows][Form::rows], turned[U::depth];
        for (int64_t d = 0; d < U::depth; ++d) {
          const auto* from = w.data + (block * columns + c) * w.stride_out + (U::depth * k + d) * w.stride_in;
          typename U::Floats tap[3][3];
          for (int t = 0; t < 9; ++t)
            tap[t / 3][t % 3] = U::multiply(U::gather(from + (w.mirrored ? 8 - t : t), w.stride_out), U::set(w.scale));
          transform_weight<Form, U>(tap, product[d]);
        }
        for (int i = 0; i < Form::rows; ++i)
          for (int j = 0; j < Form::rows; ++j) {
            for (int64_t d = 0; d < U::depth; ++d) turned[d] = product[d][i][j];
            U::store_step(to + (i * Form::rows + j) * plane + (q * columns + c) * U::depth, turned);
          }
      }
  });
}

template <class U>
constexpr Winograd winograd_kernels = {
    sizeof(typename U::Element), columns_of<U>, U::depth, pack<U>, convolve<U>, weight_sums<U>, weight_gradient<U>};

}  // namespace
}  // namespace fqgan::ops::kernels
