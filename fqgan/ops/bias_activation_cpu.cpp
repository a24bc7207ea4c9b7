// Sums are taken over blocks of positions of one image, and these in order: the same bits for any number of threads.
#include "fqgan/ops/bias_activation_cpu.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "fqgan/ops/inputs.h"
#include "fqgan/ops/kernels/instruction_set.h"

namespace fqgan::ops::cpu {
namespace {

using MaybeTensor = std::optional<at::Tensor>;

constexpr int64_t block_positions = 256;  // of an image

/// The limit is rounded as the results are, so that clamped values are known by it.
kernels::LeakyActivation leaky_of(const ActivationNumbers& numbers, const at::Tensor& x) {
  auto limit = numbers.clamp > 0 ? static_cast<float>(numbers.clamp) : std::numeric_limits<float>::infinity();
  if (x.scalar_type() == at::kBFloat16) limit = static_cast<float>(at::BFloat16(limit));
  return {static_cast<float>(numbers.slope), static_cast<float>(numbers.gain), limit};
}

at::Tensor in_float(const MaybeTensor& t) { return t ? t->to(at::kFloat).contiguous() : at::Tensor(); }

/// Blocks of positions of one image, with what belongs to each.
struct Blocks {
  Blocks(const at::Tensor& x, const MaybeTensor& scale, const MaybeTensor& noise, const MaybeTensor& bias)
      : scale(in_float(scale)), noise(in_float(noise)), bias(in_float(bias)), channels(x.size(1)) {
    bfloat16 = x.scalar_type() == at::kBFloat16;
    positions = x.dim() == 4 ? x.size(2) * x.size(3) : 1;
    per_image = (positions + block_positions - 1) / block_positions;
    count = x.size(0) * per_image;
  }
  int64_t first(int64_t block) const { return block % per_image * block_positions; }
  int64_t row(int64_t block) const { return block / per_image * positions + first(block); }
  kernels::ActivationRows rows(int64_t block) const {
    return part(block / per_image, first(block), std::min(block_positions, positions - first(block)));
  }
  /// Some positions of an image.
  kernels::ActivationRows part(int64_t image, int64_t first, int64_t many) const {
    kernels::ActivationRows rows{many, channels, bfloat16};
    rows.scale = scale.defined() ? scale.const_data_ptr<float>() + image * channels : nullptr;
    rows.bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
    if (noise.defined())
      rows.noise = noise.const_data_ptr<float>() + (noise.size(0) == 1 ? 0 : image * positions) + first;
    return rows;
  }
  at::Tensor scale, noise, bias;
  int64_t channels, positions, per_image, count;
  bool bfloat16;
};

at::Tensor ordered(const at::Tensor& x) { return x.dim() == 4 ? in_channels_last(x) : x.contiguous(); }

}  // namespace

at::Tensor bias_activation(const at::Tensor& given, const MaybeTensor& scale, const MaybeTensor& noise,
                           const MaybeTensor& bias, const ActivationNumbers& numbers) {
  const auto x = ordered(given);
  const auto leaky = leaky_of(numbers, x);
  const auto y = at::empty_like(x);
  const Blocks blocks(x, scale, noise, bias);
  const auto* from = static_cast<const char*>(x.const_data_ptr());
  auto* to = static_cast<char*>(y.mutable_data_ptr());
  const auto row_size = blocks.channels * x.element_size();
  at::parallel_for(0, blocks.count, 1, [&](int64_t begin, int64_t end) {
    for (auto b = begin; b < end; ++b)
      kernels::active().loops.activation.forward(blocks.rows(b), leaky, from + blocks.row(b) * row_size,
                                                 to + blocks.row(b) * row_size);
  });
  return y;
}

std::function<void(int64_t image, int64_t row, void* values)> activation_of_rows(const at::Tensor& x,
                                                                                 const MaybeTensor& scale,
                                                                                 const MaybeTensor& noise,
                                                                                 const MaybeTensor& bias,
                                                                                 const ActivationNumbers& numbers) {
  return [blocks = Blocks(x, scale, noise, bias), leaky = leaky_of(numbers, x), width = x.size(3)](
             int64_t image, int64_t row, void* values) {
    kernels::active().loops.activation.forward(blocks.part(image, row * width, width), leaky, values, values);
  };
}

ActivationGradients bias_activation_backward(const at::Tensor& gradient, const at::Tensor& given_y,
                                             const at::Tensor& given_x, const MaybeTensor& scale, int64_t wanted,
                                             const ActivationNumbers& numbers) {
  const auto g = ordered(gradient.to(given_y.scalar_type())), y = ordered(given_y);
  const auto leaky = leaky_of(numbers, y);
  const auto x = wanted & of_scale ? ordered(given_x) : at::Tensor();
  const Blocks blocks(y, scale, std::nullopt, std::nullopt);
  const auto floats = y.options().dtype(at::kFloat);
  const auto gx = wanted & of_x ? at::empty_like(y) : at::Tensor();
  const auto images = y.size(0), channels = blocks.channels;
  const auto sums = [&](bool wants) { return wants ? at::empty({blocks.count, channels}, floats) : at::Tensor(); };
  const auto scales = sums(wanted & of_scale), biases = sums(wanted & of_bias);
  const auto noises = wanted & of_noise ? at::empty({images, 1, y.size(2), y.size(3)}, floats) : at::Tensor();
  const auto row_size = channels * y.element_size();
  const auto at_row = [&](const at::Tensor& t, int64_t block) -> char* {
    return t.defined() ? static_cast<char*>(t.data_ptr()) + blocks.row(block) * row_size : nullptr;
  };
  at::parallel_for(0, blocks.count, 1, [&](int64_t begin, int64_t end) {
    for (auto b = begin; b < end; ++b) {
      const auto of = [&](const at::Tensor& t, int64_t offset) {
        return t.defined() ? t.data_ptr<float>() + offset : nullptr;
      };
      const kernels::ActivationSums own{of(scales, b * channels), of(noises, blocks.row(b)), of(biases, b * channels)};
      kernels::active().loops.activation.backward(blocks.rows(b), leaky, at_row(g, b), at_row(y, b), at_row(x, b),
                                                  at_row(gx, b), own);
    }
  });
  return {gx, scales.defined() ? scales.reshape({images, -1, channels}).sum(1) : scales, noises,
          biases.defined() ? biases.to(at::kDouble).sum(0).to(at::kFloat) : biases};
}

}  // namespace fqgan::ops::cpu
