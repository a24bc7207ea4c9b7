#include "fqgan/metrics/network_input.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "fqgan/core/error.h"
#include "fqgan/data/images/filter_spans.h"

namespace fqgan {
namespace {

constexpr int64_t rgb = 3;

/// The input pixels of an output pixel, and their weights.
struct Span {
  int64_t first;
  std::vector<float> weights;
};

Span bilinear_span(float position, int64_t from) {
  const auto low = std::min(static_cast<int64_t>(position), from - 1);
  const float fraction = position - static_cast<float>(low);
  if (low == from - 1) return {low, {1.f}};
  return {low, {1.f - fraction, fraction}};
}

std::vector<Span> spans_of(int64_t from, int64_t to, Resampling resampling) {
  std::vector<Span> spans;
  if (resampling == Resampling::pillow_bicubic) {
    for (const auto& [first, weights] : filter_spans(from, to, ResizeFilter::bicubic))
      spans.push_back({first, {weights.begin(), weights.end()}});
    return spans;
  }
  const float scale = static_cast<float>(static_cast<double>(from) / static_cast<double>(to));
  for (int64_t out = 0; out < to; ++out) {
    const auto i = static_cast<float>(out);
    const float position = resampling == Resampling::tensorflow1 ? i * scale : std::max(0.f, (i + 0.5f) * scale - 0.5f);
    spans.push_back(bilinear_span(position, from));
  }
  return spans;
}

/// The spans as the rows of a matrix: to x from.
at::Tensor matrix_of(const std::vector<Span>& spans, int64_t from) {
  const auto matrix = at::zeros({static_cast<int64_t>(spans.size()), from}, at::TensorOptions(at::kFloat));
  auto* row = matrix.data_ptr<float>();
  for (const auto& span : spans) {
    std::copy(span.weights.begin(), span.weights.end(), row + span.first);
    row += from;
  }
  return matrix;
}

/// H x W x 3 -> H x width x 3.
template <class Pixel>
void resize_width(const Pixel* image, int64_t height, int64_t width, const std::vector<Span>& spans, float* to) {
  for (int64_t y = 0; y < height; ++y) {
    const Pixel* row = image + y * width * rgb;
    for (const auto& span : spans) {
      float sum[rgb] = {};
      const Pixel* from = row + span.first * rgb;
      for (const float weight : span.weights)
        for (int64_t c = 0; c < rgb; ++c) sum[c] += weight * static_cast<float>(*from++);
      for (int64_t c = 0; c < rgb; ++c) *to++ = sum[c];
    }
  }
}

/// H x row -> spans x row, clipped and normalized.
void resize_height(const float* image, int64_t row, const std::vector<Span>& spans, const NetworkInput& rule,
                   float* to) {
  const auto shift = static_cast<float>(rule.shift), factor = static_cast<float>(1 / rule.divisor);
  for (const auto& span : spans) {
    std::fill(to, to + row, 0.f);
    const float* from = image + span.first * row;
    for (const float weight : span.weights) {
      for (int64_t x = 0; x < row; ++x) to[x] += weight * from[x];
      from += row;
    }
    for (int64_t x = 0; x < row; ++x) to[x] = (std::clamp(to[x], 0.f, 255.f) - shift) * factor;
    to += row;
  }
}

template <class Pixel>
at::Tensor network_input_of(const at::Tensor& pixels, const NetworkInput& rule) {
  const auto images = pixels.size(0), height = pixels.size(2), width = pixels.size(3), row = rule.size * rgb;
  const auto from = pixels.contiguous(at::MemoryFormat::ChannelsLast);
  const auto result =
      at::empty({images, rgb, rule.size, rule.size}, at::TensorOptions(at::kFloat), at::MemoryFormat::ChannelsLast);
  const auto columns = spans_of(width, rule.size, rule.resampling), rows = spans_of(height, rule.size, rule.resampling);
  const auto* in = from.const_data_ptr<Pixel>();
  auto* out = result.data_ptr<float>();
  at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> wide(static_cast<size_t>(height * row));
    for (int64_t i = begin; i < end; ++i) {
      resize_width(in + i * height * width * rgb, height, width, columns, wide.data());
      resize_height(wide.data(), row, rows, rule, out + i * rule.size * row);
    }
  });
  return result;
}

}  // namespace

at::Tensor small_images(const at::Tensor& pixels) {
  const NetworkInput rule{Resampling::pillow_bicubic, small_side, 0, 1};
  return network_input(pixels, rule).round().to(at::kByte).contiguous().flatten(1);
}

at::Tensor network_input(const at::Tensor& pixels, const NetworkInput& rule) {
  const bool bytes = pixels.scalar_type() == at::kByte;
  FQGAN_CHECK(pixels.size(1) == rgb && (bytes || pixels.scalar_type() == at::kFloat),
              "[features] expected RGB images of bytes or float32");
  return bytes ? network_input_of<uint8_t>(pixels, rule) : network_input_of<float>(pixels, rule);
}

at::Tensor differentiable_network_input(const at::Tensor& pixels, const NetworkInput& rule) {
  const auto matrix = [&](int64_t from) {
    return matrix_of(spans_of(from, rule.size, rule.resampling), from).to(pixels.device());
  };
  const auto resized = at::matmul(matrix(pixels.size(2)), at::matmul(pixels, matrix(pixels.size(3)).t()));
  return ((resized.clamp(0, 255) - rule.shift) * (1 / rule.divisor)).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace fqgan
