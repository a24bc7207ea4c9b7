// Winograd's convolutions on AVX-512 BF16: products in register tiles of 6 rows and 64 columns.
#include <immintrin.h>

#include "fqgan/ops/kernels/winograd.h"

namespace fqgan::ops::kernels {
namespace {

using Floats = __m512;
using Pairs = __m512bh;

constexpr int64_t lanes = 16, group = 6, columns = channel_block, vectors = columns / lanes;

// ---- loads and stores ----

Floats load(const uint16_t* from) {
  const auto bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
void store(uint16_t* to, Floats value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(value));
}
Floats zero() { return _mm512_setzero_ps(); }
Floats times(Floats a, float factor) { return _mm512_mul_ps(a, _mm512_set1_ps(factor)); }

/// Lane by lane a, b, a, b, ... in bfloat16.
void store_pairs(uint16_t* to, Floats a, Floats b) {
  const auto order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                      20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(b, a)));
}
Pairs load_pairs(const uint16_t* from) { return (Pairs)_mm512_loadu_si512(from); }
Pairs broadcast_pair(const uint16_t* from) {
  int32_t pair;
  __builtin_memcpy(&pair, from, sizeof pair);
  return (Pairs)_mm512_set1_epi32(pair);
}

// ---- transforms in one dimension ----
// `patch` values of the smaller or equal map make `rows` products; `step` is the patches' distance.

struct Plain {
  static constexpr Resample form = Resample::none;
  static constexpr int patch = 4, rows = 4, step = 2, outputs = 2;
  static constexpr int first[] = {0, 1, 2, 1}, second[] = {2, 2, 1, 3};
  static constexpr float sign[] = {-1, 1, -1, -1};
  static constexpr float back[rows][2] = {{1, 0}, {1, 1}, {1, -1}, {0, -1}};
  static constexpr float weights[rows][3] = {{1, 0, 0}, {.5f, .5f, .5f}, {.5f, -.5f, .5f}, {0, 0, 1}};
};
struct Up {
  static constexpr Resample form = Resample::up;
  static constexpr int patch = 3, rows = 3, step = 1, outputs = 2;
  static constexpr int first[] = {0, 1, 1}, second[] = {1, 1, 2};
  static constexpr float sign[] = {-1, 0, -1};
  static constexpr float back[rows][2] = {{1, 0}, {1, 1}, {0, -1}};
  static constexpr float weights[rows][3] = {{1, 0, 0}, {1, 1, 1}, {0, 0, 1}};
};
struct Down {
  static constexpr Resample form = Resample::down;
  static constexpr int patch = 4, rows = 3, step = 2, outputs = 1;
  static constexpr int first[] = {0, 1, 1}, second[] = {2, 2, 3};
  static constexpr float sign[] = {-1, 1, -1};
  static constexpr float back[rows][2] = {{1, 0}, {1, 0}, {1, 0}};
  static constexpr float weights[rows][3] = {{.5f, 0, 0}, {.5f, .5f, .5f}, {0, 0, -.5f}};
};
template <class Form>
constexpr int64_t products = Form::rows* Form::rows;

/// first + sign * second; a sign of zero leaves `second` out.
template <class Form>
Floats combine(int row, Floats first, Floats second) {
  if (Form::sign[row] == 0) return first;
  return Form::sign[row] > 0 ? _mm512_add_ps(first, second) : _mm512_sub_ps(first, second);
}

/// a * back[row][0] + b * back[row][1]
template <class Form>
Floats spread(int row, Floats a, Floats b) {
  const float p = Form::back[row][0], q = Form::back[row][1];
  if (q == 0) return a;
  if (p == 0) return times(b, q);
  return q > 0 ? _mm512_add_ps(a, b) : _mm512_sub_ps(a, b);
}

// ---- where a tile lies ----

struct Place {
  int64_t image, row, column;
};
template <class Form>
Place place_of(const Image& x, int64_t tile) {
  const int64_t across = x.width / Form::step, down = x.height / Form::step;
  return {tile / (across * down), tile / across % down, tile % across};
}

/// The rows of pixels of one tile's patch; outside the map they are zeros.
template <class Form>
struct Patch {
  const uint16_t* at[Form::patch][Form::patch];
  Patch(const Image& x, int64_t tile, const uint16_t* zeros) {
    const auto place = place_of<Form>(x, tile);
    for (int i = 0; i < Form::patch; ++i)
      for (int j = 0; j < Form::patch; ++j) {
        const int64_t h = place.row * Form::step - 1 + i, w = place.column * Form::step - 1 + j;
        const bool inside = tile >= 0 && h >= 0 && w >= 0 && h < x.height && w < x.width;
        at[i][j] = inside ? x.data + ((place.image * x.height + h) * x.width + w) * x.channels : zeros;
      }
  }
};

/// Below this nothing passes: zero for relu, else nothing is held back. NaN passes.
Floats floor_of(const Image& x) { return _mm512_set1_ps(x.relu ? 0.f : -__builtin_inff()); }

template <class Form>
void transform_tile(const Image& x, int64_t tile, const uint16_t* zeros, uint16_t* out, int64_t product_stride) {
  const Patch<Form> patch(x, tile, zeros);
  const auto floor = floor_of(x);
  for (int64_t c = 0; c < x.channels; c += lanes) {
    Floats d[Form::patch][Form::patch], half[Form::rows][Form::patch];
    for (int i = 0; i < Form::patch; ++i)
      for (int j = 0; j < Form::patch; ++j) d[i][j] = _mm512_max_ps(floor, load(patch.at[i][j] + c));
    for (int i = 0; i < Form::rows; ++i)
      for (int j = 0; j < Form::patch; ++j) half[i][j] = combine<Form>(i, d[Form::first[i]][j], d[Form::second[i]][j]);
    for (int i = 0; i < Form::rows; ++i)
      for (int j = 0; j < Form::rows; ++j)
        store(out + (i * Form::rows + j) * product_stride + c,
              combine<Form>(j, half[i][Form::first[j]], half[i][Form::second[j]]));
  }
}

// ---- forward ----

using Sums = Floats[group][vectors];

/// sum += rows (group x channels) times packed (channels / 2 x 64 x 2)
void multiply(const uint16_t* rows, int64_t channels, const uint16_t* packed, Sums& sum) {
  for (int64_t k = 0; k < channels; k += 2, packed += 2 * columns) {
    Pairs w[vectors];
    for (int64_t v = 0; v < vectors; ++v) w[v] = load_pairs(packed + v * 2 * lanes);
#pragma GCC unroll 6
    for (int64_t r = 0; r < group; ++r) {
      const auto x = broadcast_pair(rows + r * channels + k);
      for (int64_t v = 0; v < vectors; ++v) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], x, w[v]);
    }
  }
}

/// Stores 16 channels of one output pixel; at: their place in the output, half: in a residual of half the size.
void finish(const Epilogue& e, Floats value, int64_t channel, int64_t at, int64_t half, uint16_t* y) {
  if (e.bias) value = _mm512_add_ps(value, _mm512_loadu_ps(e.bias + channel));
  if (e.residual) value = _mm512_add_ps(value, load(e.residual + (e.residual_half ? half : at)));
  if (e.mask) value = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(load(e.mask + at), zero(), _CMP_GT_OQ), value);
  store(y + at, value);
}

/// The 2 x 2 outputs of a tile from its products (product_stride apart).
template <class Form>
void store_tile(const Image& x, int64_t tile, const float* sums, int64_t product_stride, const Epilogue& e, int64_t out,
                int64_t channel, uint16_t* y) {
  const auto place = place_of<Form>(x, tile);
  const int64_t height = x.height / Form::step * 2, width = x.width / Form::step * 2;
  const int64_t corner = (place.image * height + 2 * place.row) * width + 2 * place.column;
  const int64_t half = (place.image * (height / 2) + place.row) * (width / 2) + place.column;
  for (int64_t c = 0; c < columns; c += lanes) {
    Floats part[2][Form::rows];
    for (int j = 0; j < Form::rows; ++j) {
      part[0][j] = part[1][j] = zero();
      for (int i = 0; i < Form::rows; ++i) {
        const auto value = _mm512_loadu_ps(sums + (i * Form::rows + j) * product_stride + c);
        for (int a = 0; a < 2; ++a)
          if (Form::back[i][a] > 0)
            part[a][j] = _mm512_add_ps(part[a][j], value);
          else if (Form::back[i][a] < 0)
            part[a][j] = _mm512_sub_ps(part[a][j], value);
      }
    }
    for (int a = 0; a < 2; ++a)
      for (int b = 0; b < 2; ++b) {
        auto value = zero();
        for (int j = 0; j < Form::rows; ++j)
          if (Form::back[j][b] > 0)
            value = _mm512_add_ps(value, part[a][j]);
          else if (Form::back[j][b] < 0)
            value = _mm512_sub_ps(value, part[a][j]);
        finish(e, value, channel + c, (corner + a * width + b) * out + channel + c, half * out + channel + c, y);
      }
  }
}

/// 64 output channels of a batch of tiles, each with 2 x 2 outputs; `sums`: products x batch x 64.
template <class Form>
void convolve_block(const Image& x, const uint16_t* rows, int64_t batch, const uint16_t* packed, int64_t out,
                    int64_t block, int64_t first, int64_t count, const Epilogue& e, float* sums, uint16_t* y) {
  const int64_t weights = x.channels * columns;
  for (int64_t p = 0; p < products<Form>; ++p)
    for (int64_t g = 0; g < count; g += group) {
      Sums sum = {};
      multiply(rows + (p * batch + g) * x.channels, x.channels, packed + (p * (out / columns) + block) * weights, sum);
      for (int64_t r = 0; r < group; ++r)
        for (int64_t v = 0; v < vectors; ++v)
          _mm512_storeu_ps(sums + (p * batch + g + r) * columns + v * lanes, sum[r][v]);
    }
  for (int64_t t = 0; t < count; ++t)
    store_tile<Form>(x, first + t, sums + t * columns, batch * columns, e, out, block * columns, y);
}

/// The averaging form: an output is the plain sum of its products.
template <>
void convolve_block<Down>(const Image& x, const uint16_t* rows, int64_t batch, const uint16_t* packed, int64_t out,
                          int64_t block, int64_t first, int64_t count, const Epilogue& e, float*, uint16_t* y) {
  const int64_t weights = x.channels * columns, width = x.width / 2, height = x.height / 2;
  for (int64_t g = 0; g < count; g += group) {
    Sums sum = {};
    for (int64_t p = 0; p < products<Down>; ++p)
      multiply(rows + (p * batch + g) * x.channels, x.channels, packed + (p * (out / columns) + block) * weights, sum);
    for (int64_t r = 0; r < group && g + r < count; ++r) {
      const auto place = place_of<Down>(x, first + g + r);
      const int64_t half = (place.image * (height / 2) + place.row / 2) * (width / 2) + place.column / 2;
      for (int64_t v = 0; v < vectors; ++v) {
        const int64_t channel = block * columns + v * lanes;
        finish(e, sum[r][v], channel, (first + g + r) * out + channel, half * out + channel, y);
      }
    }
  }
}

template <class Form>
void convolve_form(const Image& x, const uint16_t* packed, int64_t out, const Epilogue& e, int64_t first, int64_t last,
                   uint16_t* y, char* scratch) {
  const int64_t batch = winograd_batch(Form::form, x.channels), row_bytes = x.channels * 2;
  auto* zeros = reinterpret_cast<uint16_t*>(scratch);
  auto* rows = zeros + x.channels;
  auto* sums = reinterpret_cast<float*>(scratch + row_bytes * (1 + products<Form> * batch));
  __builtin_memset(zeros, 0, row_bytes);
  for (int64_t begin = first; begin < last; begin += batch) {
    const int64_t count = last - begin < batch ? last - begin : batch;
    for (int64_t t = 0; t < count; ++t)
      transform_tile<Form>(x, begin + t, zeros, rows + t * x.channels, batch * x.channels);
    for (int64_t p = 0; p < products<Form>; ++p)  // what fills the last group is never stored
      for (int64_t t = count; t < (count + group - 1) / group * group; ++t)
        __builtin_memset(rows + (p * batch + t) * x.channels, 0, row_bytes);
    for (int64_t block = 0; block < out / columns; ++block)
      convolve_block<Form>(x, rows, batch, packed, out, block, begin, count, e, sums, y);
  }
}

// ---- gradient of the weight ----

constexpr int64_t pair_batch = winograd_pair_batch;

/// sum (R output channels x 64 input channels) += gradients (pairs, stride) times values (pairs, stride)
template <int R>
void multiply_pairs(const uint16_t* gradients, int64_t gradient_stride, const uint16_t* values, int64_t value_stride,
                    int64_t pairs, float* sum, int64_t sum_stride) {
  Floats s[R][vectors];
  for (int r = 0; r < R; ++r)
    for (int64_t v = 0; v < vectors; ++v) s[r][v] = _mm512_loadu_ps(sum + r * sum_stride + v * lanes);
  for (int64_t p = 0; p < pairs; ++p) {
    Pairs value[vectors];
    for (int64_t v = 0; v < vectors; ++v) value[v] = load_pairs(values + p * value_stride + v * 2 * lanes);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const auto g = broadcast_pair(gradients + p * gradient_stride + 2 * r);
      for (int64_t v = 0; v < vectors; ++v) s[r][v] = _mm512_dpbf16_ps(s[r][v], g, value[v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int64_t v = 0; v < vectors; ++v) _mm512_storeu_ps(sum + r * sum_stride + v * lanes, s[r][v]);
}

/// Row `row` of a tile's transformed patch: Form::rows values of 16 channels.
template <class Form>
void transform_row(const Patch<Form>& patch, int64_t row, Floats floor, int64_t c, Floats (&out)[Form::rows]) {
  Floats e[Form::patch];
  for (int j = 0; j < Form::patch; ++j)
    e[j] = combine<Form>(static_cast<int>(row), _mm512_max_ps(floor, load(patch.at[Form::first[row]][j] + c)),
                         _mm512_max_ps(floor, load(patch.at[Form::second[row]][j] + c)));
  for (int j = 0; j < Form::rows; ++j) out[j] = combine<Form>(j, e[Form::first[j]], e[Form::second[j]]);
}

/// Row `row` of a tile's transformed output gradient; the form that averages has one value for all products.
template <class Form>
void gradient_row(const uint16_t* const (&at)[2][2], int64_t row, int64_t c, Floats (&out)[Form::rows]) {
  if constexpr (Form::outputs == 1) {
    out[0] = load(at[0][0] + c);
  } else {
    const int r = static_cast<int>(row);
    const auto left = spread<Form>(r, load(at[0][0] + c), load(at[1][0] + c));
    const auto right = spread<Form>(r, load(at[0][1] + c), load(at[1][1] + c));
    for (int j = 0; j < Form::rows; ++j) out[j] = spread<Form>(j, left, right);
  }
}

template <class Form>
void find_gradient(const Image& x, const Image& gradient, int64_t tile, const uint16_t* zeros,
                   const uint16_t* (&at)[2][2]) {
  const auto place = place_of<Form>(x, tile);
  for (int a = 0; a < 2; ++a)
    for (int b = 0; b < 2; ++b) {
      const int64_t h = place.row * Form::outputs + (Form::outputs == 2 ? a : 0);
      const int64_t w = place.column * Form::outputs + (Form::outputs == 2 ? b : 0);
      at[a][b] = tile < 0
                     ? zeros
                     : gradient.data + ((place.image * gradient.height + h) * gradient.width + w) * gradient.channels;
    }
}

/// Transforms one pair of tiles (second -1: there is none). values: [rows][pairs][in][2], gradients: [rows or
/// 1][pairs][last - first][2].
template <class Form>
void transform_pair(const Image& x, const Image& gradient, int64_t tile, int64_t second, int64_t row, int64_t first,
                    int64_t last, const uint16_t* zeros, uint16_t* values, uint16_t* gradients, float* bias) {
  const Patch<Form> a(x, tile, zeros), b(x, second, zeros);
  const auto floor = floor_of(x);
  for (int64_t c = 0; c < x.channels; c += lanes) {
    Floats p[Form::rows], q[Form::rows];
    transform_row<Form>(a, row, floor, c, p);
    transform_row<Form>(b, row, floor, c, q);
    for (int j = 0; j < Form::rows; ++j) store_pairs(values + (j * pair_batch * x.channels + c) * 2, p[j], q[j]);
  }
  const uint16_t *here[2][2], *there[2][2];
  find_gradient<Form>(x, gradient, tile, zeros, here);
  find_gradient<Form>(x, gradient, second, zeros, there);
  const int kinds = Form::outputs == 1 ? 1 : Form::rows;
  for (int64_t c = 0; c < last - first; c += lanes) {
    Floats p[Form::rows], q[Form::rows];
    gradient_row<Form>(here, row, first + c, p);
    gradient_row<Form>(there, row, first + c, q);
    for (int j = 0; j < kinds; ++j) store_pairs(gradients + (j * pair_batch * (last - first) + c) * 2, p[j], q[j]);
    if (row != 1) continue;  // in the middle row and column stands the sum over the tile
    const auto total = _mm512_add_ps(p[kinds > 1], q[kinds > 1]);
    _mm512_storeu_ps(bias + first + c, _mm512_add_ps(_mm512_loadu_ps(bias + first + c), total));
  }
}

template <class Form>
void weight_sums_form(const Image& x, const Image& gradient, int64_t row, int64_t first, int64_t last, float* sums,
                      float* bias, char* scratch) {
  const int64_t in = x.channels, out = gradient.channels, width = last - first;
  const int64_t tiles = x.count * (x.height / Form::step) * (x.width / Form::step);
  auto* zeros = reinterpret_cast<uint16_t*>(scratch);
  auto* values = zeros + (in > out ? in : out);
  auto* gradients = values + Form::rows * pair_batch * in * 2;
  __builtin_memset(scratch, 0, (in > out ? in : out) * 2);
  for (int64_t begin = 0; begin < tiles; begin += 2 * pair_batch) {
    const int64_t count = tiles - begin < 2 * pair_batch ? tiles - begin : 2 * pair_batch, pairs = (count + 1) / 2;
    for (int64_t p = 0; p < pairs; ++p)
      transform_pair<Form>(x, gradient, begin + 2 * p, 2 * p + 1 < count ? begin + 2 * p + 1 : -1, row, first, last,
                           zeros, values + p * in * 2, gradients + p * width * 2, bias);
    for (int64_t j = 0; j < Form::rows; ++j)
      for (int64_t i = 0; i < in; i += columns) {
        const auto* g = gradients + (Form::outputs == 1 ? 0 : j) * pair_batch * width * 2;
        const auto* v = values + (j * pair_batch * in + i) * 2;
        auto* sum = sums + ((row * Form::rows + j) * out + first) * in + i;
        int64_t o = 0;
        for (; o + group <= width; o += group)
          multiply_pairs<group>(g + 2 * o, 2 * width, v, 2 * in, pairs, sum + o * in, in);
        for (; o < width; o += 2) multiply_pairs<2>(g + 2 * o, 2 * width, v, 2 * in, pairs, sum + o * in, in);
      }
  }
}

// ---- weights ----

template <class Form>
void transform_weight(const Floats (&tap)[3][3], Floats (&out)[Form::rows][Form::rows]) {
  Floats half[Form::rows][3];
  for (int i = 0; i < Form::rows; ++i)
    for (int t = 0; t < 3; ++t) {
      half[i][t] = zero();
      for (int s = 0; s < 3; ++s) half[i][t] = _mm512_add_ps(half[i][t], times(tap[s][t], Form::weights[i][s]));
    }
  for (int i = 0; i < Form::rows; ++i)
    for (int j = 0; j < Form::rows; ++j) {
      out[i][j] = zero();
      for (int t = 0; t < 3; ++t) out[i][j] = _mm512_add_ps(out[i][j], times(half[i][t], Form::weights[j][t]));
    }
}

template <class Form>
void pack_form(const Taps& w, int64_t first, int64_t last, uint16_t* packed) {
  const auto lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const auto offsets = _mm512_mullo_epi32(lane, _mm512_set1_epi32(static_cast<int32_t>(w.stride_out)));
  const int64_t pairs = w.in / 2, plane = w.out * w.in;
  for (int64_t q = first; q < last; ++q)
    for (int64_t c = 0; c < columns; c += lanes) {
      const int64_t block = q / pairs, k = q % pairs;
      Floats product[2][Form::rows][Form::rows];
      for (int64_t s = 0; s < 2; ++s) {
        const auto* from = w.data + (block * columns + c) * w.stride_out + (2 * k + s) * w.stride_in;
        Floats tap[3][3];
        for (int t = 0; t < 9; ++t)
          tap[t / 3][t % 3] = times(_mm512_i32gather_ps(offsets, from + (w.mirrored ? 8 - t : t), 4), w.scale);
        transform_weight<Form>(tap, product[s]);
      }
      for (int i = 0; i < Form::rows; ++i)
        for (int j = 0; j < Form::rows; ++j)
          store_pairs(packed + (i * Form::rows + j) * plane + (q * columns + c) * 2, product[0][i][j],
                      product[1][i][j]);
    }
}

template <class Form>
void weight_gradient_form(const float* sums, int64_t out, int64_t in, int64_t first, int64_t last, float* weight) {
  const auto lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const auto offsets = _mm512_mullo_epi32(lane, _mm512_set1_epi32(9));
  for (int64_t o = first; o < last; ++o)
    for (int64_t c = 0; c < in; c += lanes) {
      Floats half[3][Form::rows];
      for (int s = 0; s < 3; ++s)
        for (int j = 0; j < Form::rows; ++j) {
          half[s][j] = zero();
          for (int i = 0; i < Form::rows; ++i)
            half[s][j] = _mm512_add_ps(
                half[s][j],
                times(_mm512_loadu_ps(sums + ((i * Form::rows + j) * out + o) * in + c), Form::weights[i][s]));
        }
      for (int s = 0; s < 3; ++s)
        for (int t = 0; t < 3; ++t) {
          auto value = zero();
          for (int j = 0; j < Form::rows; ++j) value = _mm512_add_ps(value, times(half[s][j], Form::weights[j][t]));
          _mm512_i32scatter_ps(weight + (o * in + c) * 9 + s * 3 + t, offsets, value, 4);
        }
    }
}

template <class Function>
void with_form(Resample form, Function function) {
  if (form == Resample::none) return function(Plain{});
  if (form == Resample::up) return function(Up{});
  function(Down{});
}

void pack(Resample form, const Taps& taps, int64_t first, int64_t last, uint16_t* packed) {
  with_form(form, [&](auto f) { pack_form<decltype(f)>(taps, first, last, packed); });
}
void convolve(Resample form, const Image& x, const uint16_t* packed, int64_t out, const Epilogue& e, int64_t first,
              int64_t last, uint16_t* y, char* scratch) {
  with_form(form, [&](auto f) { convolve_form<decltype(f)>(x, packed, out, e, first, last, y, scratch); });
}
void weight_sums(Resample form, const Image& x, const Image& gradient, int64_t row, int64_t first, int64_t last,
                 float* sums, float* bias, char* scratch) {
  with_form(form, [&](auto f) { weight_sums_form<decltype(f)>(x, gradient, row, first, last, sums, bias, scratch); });
}
void weight_gradient(Resample form, const float* sums, int64_t out, int64_t in, int64_t first, int64_t last,
                     float* weight) {
  with_form(form, [&](auto f) { weight_gradient_form<decltype(f)>(sums, out, in, first, last, weight); });
}

}  // namespace

const Winograd avx512_winograd = {pack, convolve, weight_sums, weight_gradient};

}  // namespace fqgan::ops::kernels
