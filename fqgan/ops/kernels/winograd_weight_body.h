// The gradient of a weight by Winograd's forms, for a unit U: sums over all tiles, and the weight's gradient from them.
#pragma once

#include "fqgan/ops/kernels/winograd_forms_body.h"

namespace fqgan::ops::kernels {
namespace {

constexpr int64_t sum_batch = winograd_sum_batch;

// `depth` tiles at a time (a step) are transformed into panels of `columns` channels, [steps][columns][depth]: a panel
// stays in the first cache.

/// Element `channel` of step 0 in the panels of product j, of `channels` channels.
inline int64_t panel_of(int64_t j, int64_t channels, int64_t columns, int64_t channel) {
  return (j * (channels / columns) + channel / columns) * sum_batch * columns;
}

/// sum (R output channels x columns) += a panel of gradients (`stride` elements a step) times a panel of values
template <class U, int R, int vectors>
void multiply_steps(const typename U::Element* gradients, int64_t stride, const typename U::Element* values,
                    int64_t steps, float* sum, int64_t sum_stride) {
  typename U::Floats s[R][vectors];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < vectors; ++v) s[r][v] = U::load_floats(sum + r * sum_stride + v * U::lanes);
  for (int64_t p = 0; p < steps; ++p) {
    typename U::Step value[vectors];
    for (int v = 0; v < vectors; ++v) value[v] = U::load_step(values + (p * vectors + v) * U::lanes * U::depth);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto g = U::broadcast_step(gradients + p * stride + U::depth * r);
      for (int v = 0; v < vectors; ++v) s[r][v] = U::accumulate(s[r][v], g, value[v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < vectors; ++v) U::store_floats(sum + r * sum_stride + v * U::lanes, s[r][v]);
}

/// As above, all `width` output channels of the gradients' panel.
template <class U, int vectors>
void multiply_panels(const typename U::Element* gradients, int64_t width, const typename U::Element* values,
                     int64_t steps, float* sum, int64_t sum_stride) {
  constexpr int most = vectors == 4 ? 6 : U::lanes == 16 ? 8 : 4;  // as many sums as there are registers for
  const int64_t stride = width * U::depth;
  int64_t o = 0;
  for (; o + most <= width; o += most)
    multiply_steps<U, most, vectors>(gradients + U::depth * o, stride, values, steps, sum + o * sum_stride, sum_stride);
  for (; o < width; o += 2)
    multiply_steps<U, 2, vectors>(gradients + U::depth * o, stride, values, steps, sum + o * sum_stride, sum_stride);
}

/// Row `row` of a tile's transformed patch.
template <class Form, class U>
void transform_row(const Patch<Form, U>& patch, int row, typename U::Floats floor, int64_t c,
                   typename U::Floats (&out)[Form::rows]) {
  typename U::Floats e[Form::patch];
  for (int j = 0; j < Form::patch; ++j)
    e[j] = combine<Form, U>(row, U::max(floor, U::load(patch.at[Form::first[row]][j] + c)),
                            U::max(floor, U::load(patch.at[Form::second[row]][j] + c)));
  for (int j = 0; j < Form::rows; ++j) out[j] = combine<Form, U>(j, e[Form::first[j]], e[Form::second[j]]);
}

/// The 2 x 2 pixels of a tile's output gradient (of the form that averages: one, four times).
template <class Form, class U>
struct OutputPixels {
  const typename U::Element* at[2][2];

  OutputPixels() = default;
  OutputPixels(const Image& gradient, const Place& place) {
    constexpr int64_t n = Form::outputs, step = n == 2;
    const auto* corner =
        static_cast<const typename U::Element*>(gradient.data) +
        ((place.image * gradient.height + place.row * n) * gradient.width + place.column * n) * gradient.channels;
    for (int a = 0; a < 2; ++a)
      for (int b = 0; b < 2; ++b) at[a][b] = corner + (a * gradient.width + b) * step * gradient.channels;
  }
  explicit OutputPixels(const typename U::Element* zeros) : at{{zeros, zeros}, {zeros, zeros}} {}
};

/// Row `row` of a tile's transformed output gradient; the form that averages has one value for all products.
template <class Form, class U>
void gradient_row(const OutputPixels<Form, U>& pixels, int row, int64_t c, typename U::Floats (&out)[Form::rows]) {
  if constexpr (Form::outputs == 1) {
    out[0] = U::load(pixels.at[0][0] + c);
  } else {
    const auto left = spread<Form, U>(row, U::load(pixels.at[0][0] + c), U::load(pixels.at[1][0] + c));
    const auto right = spread<Form, U>(row, U::load(pixels.at[0][1] + c), U::load(pixels.at[1][1] + c));
    for (int j = 0; j < Form::rows; ++j) out[j] = spread<Form, U>(j, left, right);
  }
}

struct WeightWork {
  const Image &x, &gradient;
  const WeightPart& part;
  float *sums, *bias;
};

/// Where a batch of tiles lies, up to a whole number of steps.
template <class Form, class U>
struct Batch {
  Patch<Form, U> patches[sum_batch];
  OutputPixels<Form, U> pixels[sum_batch];

  Batch(const WeightWork& work, int64_t first, int64_t count, const typename U::Element* zeros) {
    auto place = place_of<Form>(work.x, first);
    for (int64_t t = 0; t < count; ++t, advance<Form>(work.x, place)) {
      patches[t] = {work.x, place, zeros};
      pixels[t] = {work.gradient, place};
    }
    for (int64_t t = count; t % U::depth; ++t) {
      patches[t] = Patch<Form, U>(zeros);
      pixels[t] = OutputPixels<Form, U>(zeros);
    }
  }
};

/// Transforms `depth` tiles of a batch, from its tile `t` on, into panels of values and gradients.
template <class Form, class U>
void transform_step(const WeightWork& work, const Batch<Form, U>& batch, int64_t t, int row,
                    typename U::Element* values, typename U::Element* gradients) {
  constexpr int depth = U::depth, kinds = Form::outputs == 1 ? 1 : Form::rows;
  typename U::Floats v[depth][Form::rows], turned[depth];
  const auto store = [&](int j, typename U::Element* to) {
    for (int d = 0; d < depth; ++d) turned[d] = v[d][j];
    U::store_step(to, turned);
  };
  const auto floor = floor_of<U>(work.x);
  const int64_t in = work.x.channels, in_columns = columns_of<U>(in);
  for (int64_t c = 0; c < in; c += U::lanes) {
    for (int d = 0; d < depth; ++d) transform_row<Form, U>(batch.patches[t + d], row, floor, c, v[d]);
    for (int j = 0; j < Form::rows; ++j) store(j, values + panel_of(j, in, in_columns, c) + c % in_columns * depth);
  }
  const int64_t first = work.part.first_out, width = work.part.last_out - first;
  const int64_t columns = columns_of<U>(work.gradient.channels);
  for (int64_t c = 0; c < width; c += U::lanes) {
    for (int d = 0; d < depth; ++d) gradient_row<Form, U>(batch.pixels[t + d], row, first + c, v[d]);
    for (int j = 0; j < kinds; ++j) store(j, gradients + panel_of(j, width, columns, c) + c % columns * depth);
    if (row != 1) continue;  // in the middle row and column stands the sum over the tile
    auto total = U::load_floats(work.bias + first + c);
    for (int d = 0; d < depth; ++d) total = U::add(total, v[d][kinds > 1]);
    U::store_floats(work.bias + first + c, total);
  }
}

template <class Form, class U, int vectors>
void weight_sums_form(const WeightWork& work, char* scratch) {
  using Element = typename U::Element;
  constexpr int64_t depth = U::depth, in_columns = vectors * U::lanes;
  const int64_t in = work.x.channels, out = work.gradient.channels;
  const int64_t most = in > out ? in : out, columns = columns_of<U>(out);
  const auto& part = work.part;
  const int64_t tiles = part.last_tile, width = part.last_out - part.first_out;
  auto* zeros = reinterpret_cast<Element*>(scratch);
  auto* values = zeros + most;
  auto* gradients = values + Form::rows * sum_batch * in;
  __builtin_memset(zeros, 0, most * sizeof(Element));
  for (int64_t begin = part.first_tile; begin < tiles; begin += sum_batch) {
    const int64_t count = tiles - begin < sum_batch ? tiles - begin : sum_batch, steps = (count + depth - 1) / depth;
    const Batch<Form, U> batch(work, begin, count, zeros);
    for (int64_t row = part.first_row; row < part.last_row;
         ++row) {  // the pixels of these tiles stay in the second cache
      for (int64_t p = 0; p < steps; ++p)
        transform_step<Form, U>(work, batch, p * depth, static_cast<int>(row), values + p * depth * in_columns,
                                gradients + p * depth * columns);
      for (int64_t j = 0; j < Form::rows; ++j)
        for (int64_t i = 0; i < in; i += in_columns)
          for (int64_t o = 0; o < width; o += columns)
            multiply_panels<U, vectors>(gradients + panel_of(Form::outputs == 1 ? 0 : j, width, columns, o), columns,
                                        values + panel_of(j, in, in_columns, i), steps,
                                        work.sums + ((row * Form::rows + j) * out + part.first_out + o) * in + i, in);
    }
  }
}

template <class U>
void weight_sums(Resample form, const Image& x, const Image& gradient, const WeightPart& part, float* sums, float* bias,
                 char* scratch) {
  const WeightWork work{x, gradient, part, sums, bias};
  with_form(form, [&]<class Form>(Form) {
    with_columns<U>(x.channels,
                    [&]<class Vectors>(Vectors) { weight_sums_form<Form, U, Vectors::value>(work, scratch); });
  });
}

template <class U>
void weight_gradient(Resample form, const float* sums, int64_t out, int64_t in, int64_t first, int64_t last,
                     float* weight) {
  with_form(form, [&]<class Form>(Form) {
    for (int64_t o = first; o < last; ++o)
      for (int64_t c = 0; c < in; c += U::lanes) {
        typename U::Floats half[3][Form::rows];
        for (int s = 0; s < 3; ++s)
          for (int j = 0; j < Form::rows; ++j) {
            half[s][j] = U::set(0);
            for (int i = 0; i < Form::rows; ++i) {
              const auto sum = U::load_floats(sums + ((i * Form::rows + j) * out + o) * in + c);
              half[s][j] = U::add(half[s][j], U::multiply(sum, U::set(Form::weights[i][s])));
            }
          }
        for (int s = 0; s < 3; ++s)
          for (int t = 0; t < 3; ++t) {
            auto value = U::set(0);
            for (int j = 0; j < Form::rows; ++j)
              value = U::add(value, U::multiply(half[s][j], U::set(Form::weights[j][t])));
            U::scatter(weight + (o * in + c) * 9 + s * 3 + t, 9, value);
          }
      }
  });
}

}  // namespace
}  // namespace fqgan::ops::kernels
