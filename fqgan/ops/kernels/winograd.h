// 3x3 convolutions by Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray 2016), in float32, or in bfloat16 with
// float32 sums, with nearest upsampling before or 2x2 averaging behind folded in. A tile is a 2 x 2 block of the larger
// map. Of the 16 products of a tile, the forms that resample need 9 (their other transforms are equal or cancel): 4
// multiplications for each value of the larger map instead of 9, and 2.25 where resampled. With `border` the larger map
// has one tile more on each side: the upsampling form computes it, the averaging form reads it; they are adjoint.
// Maps are N x H x W x C; channels are multiples of 16; H and W of the larger map are even.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

enum class Resample { none, up, down };

/// A feature map that is read; relu: as max(x, 0); border: only in the forms that resample; scale: factors of each
/// image's channels, count x channels, or null (only to convolve).
struct Image {
  const void* data;
  int64_t count, height, width, channels;
  bool relu, border;
  const float* scale = nullptr;
};

/// A 3x3 weight [out][in][3][3] as it is read: w[o * stride_out + i * stride_in + tap], taps in reverse when mirrored.
struct Taps {
  const float* data;
  int64_t out, in, stride_out, stride_in;
  bool mirrored;
  float scale;
};

/// What happens to a sum before it is stored. Maps have the type of the images.
struct Epilogue {
  const float* bias;     // out, or null
  const void* residual;  // added: of the output's size, or of half its height and width (each value four times)
  bool residual_half;
  const void* mask;  // of the output's size: where it is not positive, zero is stored; or null
  // The end of a StyleGAN2 layer (ops/bias_activation.h), null in the form that averages: N x out factors before all
  // else, and one value for each pixel, `noise_stride` from image to image (0: the same for all).
  const float *scale = nullptr, *noise = nullptr;
  int64_t noise_stride = 0;
  bool activated = false;  // leaky ReLU, gain and clamp (0: no limit)
  float slope = 1, gain = 1, clamp = 0;
};

/// Ranges [first, last) of a weight's gradient: tiles, transformed rows, output channels (whole columns).
struct WeightPart {
  int64_t first_tile, last_tile, first_row, last_row, first_out, last_out;
};

/// The kernels of one type and instruction set.
struct Winograd {
  int64_t element;  // bytes of a map's element
  /// Output channels that are computed together, of so many.
  int64_t (*columns)(int64_t out);
  /// packed [products][out / columns][in / depth][columns][depth], depth elements a step; rows [columns][depth] of it
  /// first .. last - 1 of out / columns * in / depth.
  int64_t depth;
  void (*pack)(Resample form, const Taps& taps, int64_t first, int64_t last, void* packed);
  /// Tiles first .. last - 1 of all images. scratch: convolve_scratch bytes.
  void (*convolve)(Resample form, const Image& x, const void* packed, int64_t out, const Epilogue& epilogue,
                   int64_t first, int64_t last, void* y, char* scratch);
  /// Adds a part of the sums [products][out][in] over tiles, tile by tile; row 1 also gives the bias's gradient [out].
  /// gradient: of the output. scratch: weight_scratch bytes.
  void (*weight_sums)(Resample form, const Image& x, const Image& gradient, const WeightPart& part, float* sums,
                      float* bias, char* scratch);
  /// weight [out][in][3][3] from the sums; output channels first .. last - 1.
  void (*weight_gradient)(Resample form, const float* sums, int64_t out, int64_t in, int64_t first, int64_t last,
                          float* weight);
};

constexpr int64_t winograd_channels = 16;  // channels are multiples of it

/// Transformed rows (and columns) of a tile, and its products: their square.
static constexpr int64_t winograd_rows(Resample form) { return form == Resample::none ? 4 : 3; }
static constexpr int64_t winograd_products(Resample form) { return winograd_rows(form) * winograd_rows(form); }
/// Tiles along a side of the map that is read, of `size` pixels, and all its tiles.
static constexpr int64_t winograd_tiles_along(Resample form, int64_t size, bool border) {
  const int64_t more = border ? 2 : 0;
  return form == Resample::up ? size + more : form == Resample::down ? size / 2 - more : size / 2;
}
static constexpr int64_t winograd_tiles(Resample form, const Image& x) {
  return x.count * winograd_tiles_along(form, x.height, x.border) * winograd_tiles_along(form, x.width, x.border);
}

/// Tiles that are convolved together: their transforms take about 400 kB, which a second cache holds.
static constexpr int64_t winograd_batch(Resample form, int64_t channels, int64_t element) {
  const int64_t fitting = 400000 / (winograd_products(form) * channels * element) / 12 * 12;
  return fitting < 12 ? 12 : fitting > 96 ? 96 : fitting;
}
constexpr int64_t winograd_sum_batch = 128;  // tiles whose weight sums are taken together

/// Elements from one product's transforms (sums) to the next's: a cache line more than they take, or all products would
/// share the sets of the first cache.
static constexpr int64_t winograd_row_stride(Resample form, int64_t channels, int64_t element) {
  return winograd_batch(form, channels, element) * channels + 64 / element;
}
static constexpr int64_t winograd_sum_stride(Resample form, int64_t channels, int64_t element) {
  return winograd_batch(form, channels, element) * 64 + 16;
}

/// Bytes of scratch.
static constexpr int64_t convolve_scratch(Resample form, int64_t channels, int64_t element) {
  return element * channels + winograd_products(form) * (element * winograd_row_stride(form, channels, element) +
                                                         4 * winograd_sum_stride(form, channels, element));
}
static constexpr int64_t weight_scratch(Resample form, int64_t in, int64_t out, int64_t element) {
  return element * ((in > out ? in : out) + winograd_rows(form) * winograd_sum_batch * (in + out));
}

}  // namespace fqgan::ops::kernels
