#include "fqgan/data/images/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

constexpr int weight_bits = 22;  // 32 bits, less 8 for the pixel and 2 of headroom for weights above 1

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

// The input pixels of each output pixel, and their weights.
struct Taps {
  struct Span {
    int64_t first = 0;
    std::vector<int32_t> weights;
  };
  std::vector<Span> spans;
};

Taps taps_for(int64_t from, int64_t to, ResizeFilter filter) {
  const auto function = filter == ResizeFilter::bicubic ? bicubic : lanczos;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double widening = std::max(scale, 1.0);  // antialiasing: the filter covers the input of one output pixel
  const double support = (filter == ResizeFilter::bicubic ? 2.0 : 3.0) * widening;
  Taps taps;
  taps.spans.resize(static_cast<size_t>(to));
  std::vector<double> weights;
  for (int64_t out = 0; out < to; ++out) {
    const double centre = (static_cast<double>(out) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
    const auto last = std::min<int64_t>(from, static_cast<int64_t>(centre + support + 0.5));
    weights.clear();
    double sum = 0;
    for (int64_t in = first; in < last; ++in) {
      weights.push_back(function((static_cast<double>(in) - centre + 0.5) / widening));
      sum += weights.back();
    }
    auto& span = taps.spans[static_cast<size_t>(out)];
    span.first = first;
    for (double weight : weights) {
      const double fixed = (sum == 0 ? weight : weight / sum) * (1 << weight_bits);
      span.weights.push_back(static_cast<int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return taps;
}

uint8_t rounded(int64_t sum) { return static_cast<uint8_t>(std::clamp<int64_t>(sum >> weight_bits, 0, 255)); }

Raster resize_width(const Raster& image, int64_t width, ResizeFilter filter) {
  const auto taps = taps_for(image.shape.width, width, filter);
  const int64_t channels = image.shape.channels;
  Raster result({image.shape.height, width, channels});
  uint8_t* to = result.bytes.data();
  for (int64_t y = 0; y < image.shape.height; ++y) {
    const uint8_t* row = image.bytes.data() + y * image.shape.width * channels;
    for (const auto& span : taps.spans) {
      for (int64_t c = 0; c < channels; ++c) {
        int64_t sum = int64_t{1} << (weight_bits - 1);
        const uint8_t* from = row + span.first * channels + c;
        for (int32_t weight : span.weights) {
          sum += int64_t{weight} * *from;
          from += channels;
        }
        *to++ = rounded(sum);
      }
    }
  }
  return result;
}

Raster resize_height(const Raster& image, int64_t height, ResizeFilter filter) {
  const auto taps = taps_for(image.shape.height, height, filter);
  const int64_t stride = image.shape.width * image.shape.channels;
  Raster result({height, image.shape.width, image.shape.channels});
  std::vector<int64_t> sums(static_cast<size_t>(stride));
  uint8_t* to = result.bytes.data();
  for (const auto& span : taps.spans) {
    std::fill(sums.begin(), sums.end(), int64_t{1} << (weight_bits - 1));
    const uint8_t* from = image.bytes.data() + span.first * stride;
    for (int32_t weight : span.weights) {
      for (int64_t x = 0; x < stride; ++x) sums[static_cast<size_t>(x)] += int64_t{weight} * from[x];
      from += stride;
    }
    for (int64_t sum : sums) *to++ = rounded(sum);
  }
  return result;
}

void premultiply(Raster& image) {
  for (size_t i = 0; i < image.bytes.size(); i += 4) {
    for (size_t c = 0; c < 3; ++c) {
      const int product = image.bytes[i + c] * image.bytes[i + 3] + 128;
      image.bytes[i + c] = static_cast<uint8_t>(((product >> 8) + product) >> 8);
    }
  }
}

void unpremultiply(Raster& image) {
  for (size_t i = 0; i < image.bytes.size(); i += 4) {
    const int alpha = image.bytes[i + 3];
    if (alpha == 0 || alpha == 255) continue;
    for (size_t c = 0; c < 3; ++c) {
      image.bytes[i + c] = static_cast<uint8_t>(std::min(255, 255 * image.bytes[i + c] / alpha));
    }
  }
}

}  // namespace

Raster resize(const Raster& image, int64_t height, int64_t width, ResizeFilter filter) {
  FQGAN_CHECK(height > 0 && width > 0 && image.shape.bytes() > 0, "an empty image cannot be resized");
  const int64_t fewer_rows = image.shape.height - height, fewer_columns = image.shape.width - width;
  if (fewer_rows == 0 && fewer_columns == 0) return image;
  Raster result = image;
  if (image.shape.channels == 4) premultiply(result);
  const bool rows_first = fewer_rows > 0 && fewer_rows > 2 * fewer_columns;  // Pillow 13's rule
  if (rows_first) result = resize_height(result, height, filter);
  if (fewer_columns != 0) result = resize_width(result, width, filter);
  if (fewer_rows != 0 && !rows_first) result = resize_height(result, height, filter);
  if (image.shape.channels == 4) unpremultiply(result);
  return result;
}

}  // namespace fqgan
