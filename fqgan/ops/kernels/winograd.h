// 3x3 convolutions by Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray 2016), in bfloat16 with float32 sums,
// and with nearest upsampling before or 2x2 averaging behind folded in. A tile is a 2 x 2 block of the larger map. Of
// the 16 products of a tile, the forms that resample need 9 (their other transforms are equal or cancel), so a
// convolution costs 4 multiplications for each output value instead of 9, and 2.25 for each value of the larger map.
// Maps are bfloat16, N x H x W x C; channels are multiples of 64; H and W of the larger map are even.
#pragma once

#include <stdint.h>

namespace fqgan::ops::kernels {

enum class Resample { none, up, down };

constexpr int64_t channel_block = 64;

/// A feature map that is read; relu: as max(x, 0).
struct Image {
  const uint16_t* data;
  int64_t count, height, width, channels;
  bool relu;
};

/// A 3x3 weight [out][in][3][3] as it is read: w[o * stride_out + i * stride_in + tap], taps in reverse when mirrored.
struct Taps {
  const float* data;
  int64_t out, in, stride_out, stride_in;
  bool mirrored;
  float scale;
};

/// What happens to a sum before it is stored.
struct Epilogue {
  const float* bias;         // out, or null
  const uint16_t* residual;  // added: of the output's size, or of half its height and width (each value four times)
  bool residual_half;
  const uint16_t* mask;  // of the output's size: where it is not positive, zero is stored; or null
};

struct Winograd {
  /// packed [products][out / 64][in / 2][64][2]; pairs of input channels first .. last - 1 of out / 64 * in / 2.
  void (*pack)(Resample form, const Taps& taps, int64_t first, int64_t last, uint16_t* packed);
  /// Tiles first .. last - 1 of all images. scratch: winograd_scratch bytes.
  void (*convolve)(Resample form, const Image& x, const uint16_t* packed, int64_t out, const Epilogue& epilogue,
                   int64_t first, int64_t last, uint16_t* y, char* scratch);
  /// sums [products][out][in] of the transformed row `row`, output channels first .. last - 1, over all tiles in order;
  /// row 1 also gives the bias's gradient. gradient: of the output.
  void (*weight_sums)(Resample form, const Image& x, const Image& gradient, int64_t row, int64_t first, int64_t last,
                      float* sums, float* bias, char* scratch);
  /// weight [out][in][3][3] from the sums; output channels first .. last - 1.
  void (*weight_gradient)(Resample form, const float* sums, int64_t out, int64_t in, int64_t first, int64_t last,
                          float* weight);
};

#if defined(__x86_64__)
extern const Winograd avx512_winograd;
#endif

/// Transformed rows (and columns) of a tile, and its products: their square.
constexpr int64_t winograd_rows(Resample form) { return form == Resample::none ? 4 : 3; }
constexpr int64_t winograd_products(Resample form) { return winograd_rows(form) * winograd_rows(form); }
/// Tiles of a map that is read.
constexpr int64_t winograd_tiles(Resample form, const Image& x) {
  return form == Resample::up ? x.count * x.height * x.width : x.count * (x.height / 2) * (x.width / 2);
}

/// Tiles that are convolved together: their transforms take about 400 kB, which a second cache holds.
constexpr int64_t winograd_batch(Resample form, int64_t channels) {
  const int64_t fitting = 400000 / (winograd_products(form) * channels * 2) / 6 * 6;
  return fitting < 12 ? 12 : fitting > 96 ? 96 : fitting;
}
constexpr int64_t winograd_pair_batch = 96;  // pairs of tiles whose weight sums are taken together

/// Bytes of scratch.
constexpr int64_t convolve_scratch(Resample form, int64_t channels) {
  const int64_t rows = winograd_products(form) * winograd_batch(form, channels);
  return 2 * channels * (1 + rows) + 4 * channel_block * rows;
}
constexpr int64_t weight_scratch(Resample form, int64_t in, int64_t out) {
  return 2 * (in > out ? in : out) + 4 * winograd_rows(form) * winograd_pair_batch * (in + out);
}

}  // namespace fqgan::ops::kernels
