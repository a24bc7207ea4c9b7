#include "fqgan/data/images/resize.h"

#include <algorithm>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

constexpr int weight_bits = 22;  // 32 bits, less 8 for the pixel and 2 of headroom for weights above 1

struct FixedSpan {
  int64_t first;
  std::vector<int32_t> weights;
};

std::vector<FixedSpan> fixed_spans(int64_t from, int64_t to, ResizeFilter filter) {
  std::vector<FixedSpan> spans;
  for (const auto& [first, weights] : filter_spans(from, to, filter)) {
    FixedSpan span{first, {}};
    for (const double weight : weights) {
      const double fixed = weight * (1 << weight_bits);
      span.weights.push_back(static_cast<int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
    spans.push_back(std::move(span));
  }
  return spans;
}

uint8_t rounded(int64_t sum) { return static_cast<uint8_t>(std::clamp<int64_t>(sum >> weight_bits, 0, 255)); }

Raster resize_width(const Raster& image, int64_t width, ResizeFilter filter) {
  const auto spans = fixed_spans(image.shape.width, width, filter);
  const int64_t channels = image.shape.channels;
  Raster result({image.shape.height, width, channels});
  uint8_t* to = result.bytes.data();
  for (int64_t y = 0; y < image.shape.height; ++y) {
    const uint8_t* row = image.bytes.data() + y * image.shape.width * channels;
    for (const auto& span : spans) {
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
  const auto spans = fixed_spans(image.shape.height, height, filter);
  const int64_t stride = image.shape.width * image.shape.channels;
  Raster result({height, image.shape.width, image.shape.channels});
  std::vector<int64_t> sums(static_cast<size_t>(stride));
  uint8_t* to = result.bytes.data();
  for (const auto& span : spans) {
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
