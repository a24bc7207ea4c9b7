// Winograd's convolution, for a unit U: a batch of tiles is transformed, multiplied product by product, and transformed
// back.
#pragma once

#include "fqgan/ops/kernels/winograd_forms_body.h"

namespace fqgan::ops::kernels {
namespace {

/// Tiles of a register tile: sums enough to hide an addition's latency, not more than there are registers.
template <int vectors>
constexpr int64_t group = vectors == 1 ? 12 : 6;

template <class Form, class U>
void transform_tile(const Image& x, const Place& place, const typename U::Element* zeros, typename U::Element* out,
                    int64_t product_stride) {
  const Patch<Form, U> patch(x, place, zeros);
  const auto floor = floor_of<U>(x);
  const float* scale = x.scale ? x.scale + place.image * x.channels : nullptr;
  for (int64_t c = 0; c < x.channels; c += U::lanes) {
    typename U::Floats d[Form::patch][Form::patch], half[Form::rows][Form::patch];
    for (int i = 0; i < Form::patch; ++i)
      for (int j = 0; j < Form::patch; ++j) d[i][j] = U::max(floor, U::load(patch.at[i][j] + c));
    if (scale) {
      const auto factor = U::load_floats(scale + c);
      for (int i = 0; i < Form::patch; ++i)
        for (int j = 0; j < Form::patch; ++j) d[i][j] = U::multiply(d[i][j], factor);
    }
    for (int i = 0; i < Form::rows; ++i)
      for (int j = 0; j < Form::patch; ++j)
        half[i][j] = combine<Form, U>(i, d[Form::first[i]][j], d[Form::second[i]][j]);
    for (int i = 0; i < Form::rows; ++i)
      for (int j = 0; j < Form::rows; ++j)
        U::store(out + (i * Form::rows + j) * product_stride + c,
                 combine<Form, U>(j, half[i][Form::first[j]], half[i][Form::second[j]]));
  }
}

/// sum += rows (group<vectors> x channels) times packed (channels / depth x columns x depth)
template <class U, int vectors>
void multiply(const typename U::Element* rows, int64_t channels, const typename U::Element* packed,
              typename U::Floats (&sum)[group<vectors>][vectors]) {
  for (int64_t k = 0; k < channels; k += U::depth, packed += U::depth * vectors * U::lanes) {
    typename U::Step w[vectors];
    for (int v = 0; v < vectors; ++v) w[v] = U::load_step(packed + v * U::depth * U::lanes);
#pragma GCC unroll 12
    for (int r = 0; r < group<vectors>; ++r) {
      const auto x = U::broadcast_step(rows + r * channels + k);
      for (int v = 0; v < vectors; ++v) sum[r][v] = U::accumulate(sum[r][v], x, w[v]);
    }
  }
}

/// Leaky ReLU, gain and clamp. NaN passes.
template <class U>
typename U::Floats activated(const Epilogue& e, typename U::Floats value) {
  value = U::multiply(U::max(U::multiply(value, U::set(e.slope)), value), U::set(e.gain));
  if (e.clamp == 0) return value;
  const auto lowest = U::set(-e.clamp), zero = U::set(0);
  return U::sub(zero, U::max(lowest, U::sub(zero, U::max(lowest, value))));
}

/// One output pixel of some channels; at: its place in the output, half: in a residual of half the size.
template <class U>
[[gnu::always_inline]] inline void finish(const Epilogue& e, typename U::Floats value, int64_t channel, int64_t at,
                                          int64_t half, typename U::Element* y) {
  using Element = typename U::Element;
  if (e.bias) value = U::add(value, U::load_floats(e.bias + channel));
  if (e.residual)
    value = U::add(value, U::load(static_cast<const Element*>(e.residual) + (e.residual_half ? half : at)));
  if (e.mask) value = U::where_positive(U::load(static_cast<const Element*>(e.mask) + at), value);
  if (e.activated) value = activated<U>(e, value);
  U::store(y + at, value);
}

/// The 2 x 2 outputs of a tile from its products (product_stride apart).
template <class Form, class U, int vectors>
void store_tile(const Image& x, const Place& place, const float* sums, int64_t product_stride, const Epilogue& e,
                int64_t out, int64_t channel, typename U::Element* y) {
  const int64_t height = 2 * tiles_down<Form>(x), width = 2 * tiles_across<Form>(x);
  const int64_t corner = (place.image * height + 2 * place.row) * width + 2 * place.column;
  const int64_t half = (place.image * (height / 2) + place.row) * (width / 2) + place.column;
  for (int64_t c = 0; c < vectors * U::lanes; c += U::lanes) {
    typename U::Floats part[2][Form::rows];
    for (int j = 0; j < Form::rows; ++j) {
      part[0][j] = part[1][j] = U::set(0);
      for (int i = 0; i < Form::rows; ++i) {
        const auto value = U::load_floats(sums + (i * Form::rows + j) * product_stride + c);
        for (int a = 0; a < 2; ++a) add_signed<U>(part[a][j], value, Form::back[i][a]);
      }
    }
    for (int a = 0; a < 2; ++a)
      for (int b = 0; b < 2; ++b) {
        auto value = U::set(0);
        for (int j = 0; j < Form::rows; ++j) add_signed<U>(value, part[a][j], Form::back[j][b]);
        const int64_t pixel = corner + a * width + b;
        if (e.scale) value = U::multiply(value, U::load_floats(e.scale + place.image * out + channel + c));
        if (e.noise) value = U::add(value, U::set(e.noise[pixel - place.image * (height * width - e.noise_stride)]));
        finish<U>(e, value, channel + c, pixel * out + channel + c, half * out + channel + c, y);
      }
  }
}

/// What is convolved, besides the tiles.
template <class U>
struct Work {
  const Image& x;
  const typename U::Element* packed;
  int64_t out;
  const Epilogue& epilogue;
  typename U::Element* y;
};

/// One block of output channels of `count` tiles from `first` on, each with 2 x 2 outputs.
template <class Form, class U, int vectors>
void convolve_block(const Work<U>& work, const typename U::Element* rows, int64_t block, int64_t first, int64_t count,
                    float* sums) {
  constexpr int64_t columns = vectors * U::lanes;
  const int64_t channels = work.x.channels, blocks = work.out / columns;
  const int64_t row_stride = winograd_row_stride(Form::form, channels, sizeof(typename U::Element));
  const int64_t sum_stride = winograd_sum_stride(Form::form, channels, sizeof(typename U::Element));
  for (int64_t p = 0; p < products<Form>; ++p)
    for (int64_t g = 0; g < count; g += group<vectors>) {
      typename U::Floats sum[group<vectors>][vectors] = {};
      multiply<U, vectors>(rows + p * row_stride + g * channels, channels,
                           work.packed + (p * blocks + block) * channels * columns, sum);
      for (int64_t r = 0; r < group<vectors>; ++r)
        for (int v = 0; v < vectors; ++v)
          U::store_floats(sums + p * sum_stride + (g + r) * columns + v * U::lanes, sum[r][v]);
    }
  auto place = place_of<Form>(work.x, first);
  for (int64_t t = 0; t < count; ++t, advance<Form>(work.x, place))
    store_tile<Form, U, vectors>(work.x, place, sums + t * columns, sum_stride, work.epilogue, work.out,
                                 block * columns, work.y);
}

/// The averaging form: an output is the plain sum of its products. The weights of one product stay in the first cache
/// for all tiles.
template <class U, int vectors>
void convolve_down(const Work<U>& work, const typename U::Element* rows, int64_t block, int64_t first, int64_t count,
                   float* sums) {
  constexpr int64_t columns = vectors * U::lanes;
  const int64_t channels = work.x.channels, width = tiles_across<Down>(work.x), height = tiles_down<Down>(work.x);
  const int64_t row_stride = winograd_row_stride(Resample::down, channels, sizeof(typename U::Element));
  for (int64_t p = 0; p < products<Down>; ++p)
    for (int64_t g = 0; g < count; g += group<vectors>) {
      typename U::Floats sum[group<vectors>][vectors] = {};
      auto* at = sums + g * columns;
      if (p > 0)
        for (int64_t r = 0; r < group<vectors>; ++r)
          for (int v = 0; v < vectors; ++v) sum[r][v] = U::load_floats(at + r * columns + v * U::lanes);
      multiply<U, vectors>(rows + p * row_stride + g * channels, channels,
                           work.packed + (p * (work.out / columns) + block) * channels * columns, sum);
      for (int64_t r = 0; r < group<vectors>; ++r)
        for (int v = 0; v < vectors; ++v) U::store_floats(at + r * columns + v * U::lanes, sum[r][v]);
    }
  auto place = place_of<Down>(work.x, first);
  for (int64_t t = 0; t < count; ++t, advance<Down>(work.x, place)) {
    const int64_t half = (place.image * (height / 2) + place.row / 2) * (width / 2) + place.column / 2;
    for (int64_t c = 0; c < columns; c += U::lanes) {
      const int64_t channel = block * columns + c;
      finish<U>(work.epilogue, U::load_floats(sums + t * columns + c), channel, (first + t) * work.out + channel,
                half * work.out + channel, work.y);
    }
  }
}

template <class Form, class U, int vectors>
void convolve_form(const Work<U>& work, int64_t first, int64_t last, char* scratch) {
  using Element = typename U::Element;
  const int64_t channels = work.x.channels, batch = winograd_batch(Form::form, channels, sizeof(Element));
  const int64_t row_stride = winograd_row_stride(Form::form, channels, sizeof(Element));
  auto* zeros = reinterpret_cast<Element*>(scratch);
  auto* rows = zeros + channels;
  auto* sums = reinterpret_cast<float*>(rows + products<Form> * row_stride);
  __builtin_memset(zeros, 0, channels * sizeof(Element));
  for (int64_t begin = first; begin < last; begin += batch) {
    const int64_t count = last - begin < batch ? last - begin : batch;
    auto place = place_of<Form>(work.x, begin);
    for (int64_t t = 0; t < count; ++t, advance<Form>(work.x, place))
      transform_tile<Form, U>(work.x, place, zeros, rows + t * channels, row_stride);
    for (int64_t p = 0; p < products<Form>; ++p)  // what fills the last group is never stored
      for (int64_t t = count; t < (count + group<vectors> - 1) / group<vectors> * group<vectors>; ++t)
        __builtin_memset(rows + p * row_stride + t * channels, 0, channels * sizeof(Element));
    for (int64_t block = 0; block < work.out / (vectors * U::lanes); ++block)
      if constexpr (Form::form == Resample::down)
        convolve_down<U, vectors>(work, rows, block, begin, count, sums);
      else
        convolve_block<Form, U, vectors>(work, rows, block, begin, count, sums);
  }
}

template <class U>
void convolve(Resample form, const Image& x, const void* packed, int64_t out, const Epilogue& epilogue, int64_t first,
              int64_t last, void* y, char* scratch) {
  using Element = typename U::Element;
  const Work<U> work{x, static_cast<const Element*>(packed), out, epilogue, static_cast<Element*>(y)};
  with_form(form, [&]<class Form>(Form) {
    with_columns<U>(
        out, [&]<class Vectors>(Vectors) { convolve_form<Form, U, Vectors::value>(work, first, last, scratch); });
  });
}

}  // namespace
}  // namespace fqgan::ops::kernels
