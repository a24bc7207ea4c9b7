// The kernels of rows.h, for a set's vectors V. Loops over 16 neighbours are what the compiler turns into vectors. The
// order of every sum is written out, and products are not contracted: all instruction sets give the same bits.
#pragma once

#include "fqgan/ops/kernels/elements_body.h"
#include "fqgan/ops/kernels/rows.h"

namespace fqgan::ops::kernels {
namespace {

/// Channels first_channel .. last_channel - 1 of `count` rows, `stride` apart.
template <class V, class From, class To>
void load_from(const Map& map, int64_t first, int64_t count, int64_t first_channel, int64_t last_channel, To* rows,
               int64_t stride) {
  const auto* data = static_cast<const From*>(map.data);
  const int64_t channels = last_channel - first_channel;
  if (!map.channels_first) {
    for (int64_t r = 0; r < count; ++r)
      convert(data + (first + r) * map.channels + first_channel, channels, rows + r * stride);
    return;
  }
  for (int64_t done = 0; done < count;) {
    const int64_t image = (first + done) / map.positions, position = (first + done) % map.positions;
    const int64_t run = count - done < map.positions - position ? count - done : map.positions - position;
    transpose<V>(data + (image * map.channels + first_channel) * map.positions + position, map.positions, channels, run,
                 rows + done * stride, stride);
    done += run;
  }
}

template <class V, class To>
void load(const Map& map, int64_t first, int64_t count, int64_t first_channel, int64_t last_channel, To* rows,
          int64_t stride) {
  if (map.bfloat16)
    load_from<V, uint16_t>(map, first, count, first_channel, last_channel, rows, stride);
  else
    load_from<V, float>(map, first, count, first_channel, last_channel, rows, stride);
}

template <class To>
void clear_padding(To* rows, int64_t count, int64_t channels, int64_t stride) {
  for (int64_t r = 0; r < count; ++r)
    for (int64_t d = channels; d < stride; ++d) rows[r * stride + d] = 0;
}

template <class V>
void load_float32(const Map& map, int64_t first, int64_t count, float* rows, int64_t stride) {
  load<V>(map, first, count, 0, map.channels, rows, stride);
  clear_padding(rows, count, map.channels, stride);
}

/// An upper bound of the root: of what a float32 sum of that many squares may have lost, and of squares that underflow.
inline float root_above(float squares, int64_t count) {
  const auto n = static_cast<float>(count);
  return __builtin_sqrtf(squares * (1 + (n + 8) * 0x1p-23f) + n * 0x1p-125f) * (1 + 0x1p-22f);
}

template <class From>
void norms_of(const From* rows, int64_t count, int64_t stride, int64_t channels, float* norm) {
  for (int64_t r = 0; r < count; ++r) {
    const From* row = rows + r * stride;
    norm[r] = root_above(squares(channels, [row](int64_t d) { return widen(row[d]); }), channels);
  }
}

inline void norms(const void* rows, bool bfloat16, int64_t count, int64_t stride, int64_t channels, float* norm) {
  if (bfloat16)
    norms_of(static_cast<const uint16_t*>(rows), count, stride, channels, norm);
  else
    norms_of(static_cast<const float*>(rows), count, stride, channels, norm);
}

/// One row of float32 to bfloat16; returns |row - rounded row|.
inline float round_row(const float* from, int64_t channels, uint16_t* to) {
  convert(from, channels, to);
  return root_above(squares(channels, [from, to](int64_t d) { return from[d] - widen(to[d]); }), channels);
}

template <class V>
void load_bfloat16(const Map& map, int64_t first, int64_t count, uint16_t* rows, int64_t stride, float* residual,
                   float* scratch) {
  for (int64_t r = 0; r < count; r += position_run) {
    const int64_t run = count - r < position_run ? count - r : position_run;
    if (map.bfloat16) {
      load<V>(map, first + r, run, 0, map.channels, rows + r * stride, stride);
      for (int64_t i = 0; i < run; ++i) residual[r + i] = 0;
    } else {
      load<V>(map, first + r, run, 0, map.channels, scratch, map.channels);
      for (int64_t i = 0; i < run; ++i)
        residual[r + i] = round_row(scratch + i * map.channels, map.channels, rows + (r + i) * stride);
    }
  }
  clear_padding(rows, count, map.channels, stride);
}

/// The score x.e - |e|^2 / 2 in double.
inline double score(const float* x, const float* e, double half, int64_t channels) {
  constexpr int64_t run = 8;
  double sum[run] = {}, total = 0;
  int64_t d = 0;
  for (; d + run <= channels; d += run)
    for (int64_t i = 0; i < run; ++i) sum[i] += static_cast<double>(x[d + i]) * static_cast<double>(e[d + i]);
  for (int64_t i = 0; d + i < channels; ++i) sum[i] += static_cast<double>(x[d + i]) * static_cast<double>(e[d + i]);
  for (int64_t i = 0; i < run; ++i) total += sum[i];
  return total - half;
}

inline int32_t exact_best(const float* row, const float* codebook, const double* half, int64_t channels,
                          const int32_t* codes, int64_t count) {
  int32_t best = codes[0];
  double highest = score(row, codebook + best * channels, half[best], channels);
  for (int64_t i = 1; i < count; ++i) {
    const double next = score(row, codebook + codes[i] * channels, half[codes[i]], channels);
    if (next > highest || (next == highest && codes[i] < best)) {
      highest = next;
      best = codes[i];
    }
  }
  return best;
}

/// visit(row in float32, its code, its image, first row of the run + i, i) for all rows of images first .. last - 1, in
/// runs that do not cross images; after each run done(image, position, rows of the run).
template <class V, class Visit, class Done>
void for_rows(const Map& map, const int64_t* codes, int64_t first, int64_t last, float* scratch, Visit visit,
              Done done) {
  for (int64_t image = first; image < last; ++image)
    for (int64_t position = 0; position < map.positions; position += position_run) {
      const int64_t run = map.positions - position < position_run ? map.positions - position : position_run;
      const int64_t row = image * map.positions + position;
      load<V>(map, row, run, 0, map.channels, scratch, map.channels);
      for (int64_t i = 0; i < run; ++i) visit(scratch + i * map.channels, codes[row + i], image);
      done(image, position, run);
    }
}

template <class V>
void loss(const Map& map, const float* codebook, const int64_t* codes, int64_t first, int64_t last, float* loss,
          float* scratch) {
  const int64_t channels = map.channels;
  for (int64_t image = first; image < last; ++image) {
    double total = 0;
    for_rows<V>(
        map, codes, image, image + 1, scratch,
        [&](const float* x, int64_t code, int64_t) {
          const float* e = codebook + code * channels;
          total += static_cast<double>(squares(channels, [x, e](int64_t d) { return x[d] - e[d]; }));
        },
        [](int64_t, int64_t, int64_t) {});
    loss[image] = static_cast<float>(total / static_cast<double>(channels * map.positions));
  }
}

/// `run` rows of float32 into a map's memory.
template <class V, class To>
void store(const Map& map, const float* rows, int64_t image, int64_t position, int64_t run, To* out) {
  if (map.channels_first)
    transpose<V>(rows, map.channels, run, map.channels, out + image * map.channels * map.positions + position,
                 map.positions);
  else
    convert(rows, run * map.channels, out + (image * map.positions + position) * map.channels);
}

/// out = change(x, e, image), element by element.
template <class V, class Change>
void rewrite(const Map& map, const float* codebook, const int64_t* codes, int64_t first, int64_t last, void* out,
             float* scratch, Change change) {
  const int64_t channels = map.channels;
  for_rows<V>(
      map, codes, first, last, scratch,
      [&](float* __restrict x, int64_t code, int64_t image) {
        const float* __restrict e = codebook + code * channels;
        const auto here = change(image);
        for (int64_t d = 0; d < channels; ++d) x[d] = here(x[d], e[d]);
      },
      [&](int64_t image, int64_t position, int64_t run) {
        if (map.bfloat16)
          store<V>(map, scratch, image, position, run, static_cast<uint16_t*>(out));
        else
          store<V>(map, scratch, image, position, run, static_cast<float*>(out));
      });
}

template <class V>
void gradient(const Map& map, const float* codebook, const int64_t* codes, const float* scale, int64_t first,
              int64_t last, void* out, float* scratch) {
  rewrite<V>(map, codebook, codes, first, last, out, scratch, [scale](int64_t image) {
    const float factor = scale[image];
    return [factor](float x, float e) { return factor * (x - e); };
  });
}

template <class V>
void blend(const Map& map, const float* codebook, const int64_t* codes, float fraction, int64_t first, int64_t last,
           void* out, float* scratch) {
  if (fraction == 1)
    rewrite<V>(map, codebook, codes, first, last, out, scratch,
               [](int64_t) { return [](float, float e) { return e; }; });
  else
    rewrite<V>(map, codebook, codes, first, last, out, scratch,
               [fraction](int64_t) { return [fraction](float x, float e) { return x + fraction * (e - x); }; });
}

template <class V>
void sums(const Map& map, const int64_t* codes, int64_t first, int64_t last, float* sums, float* scratch) {
  const int64_t channels = last - first;
  for (int64_t row = 0; row < map.rows; row += position_run) {
    const int64_t run = map.rows - row < position_run ? map.rows - row : position_run;
    load<V>(map, row, run, first, last, scratch, channels);
    for (int64_t i = 0; i < run; ++i) {
      const float* __restrict x = scratch + i * channels;
      float* __restrict sum = sums + codes[row + i] * map.channels + first;
      for (int64_t d = 0; d < channels; ++d) sum[d] += x[d];
    }
  }
}

template <class V>
constexpr Rows row_kernels = {load_bfloat16<V>, load_float32<V>, norms,    exact_best,
                              loss<V>,          gradient<V>,     blend<V>, sums<V>};

}  // namespace
}  // namespace fqgan::ops::kernels
