#include "fqgan/ops/convolution_winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "fqgan/ops/kernels/instruction_set.h"
#include "fqgan/ops/scratch.h"

namespace fqgan::ops::winograd {
namespace {

constexpr auto channels_last = at::MemoryFormat::ChannelsLast;

/// The kernels for maps of this type, or null.
const kernels::Winograd* kernels_for(at::ScalarType type) {
  if (type == at::kFloat) return kernels::active().winograd_float32;
  return type == at::kBFloat16 ? kernels::active().winograd_bfloat16 : nullptr;
}

const void* data_of(const at::Tensor& x) { return x.defined() ? x.const_data_ptr() : nullptr; }

kernels::Image image_of(const at::Tensor& x, bool relu, bool border) {
  return {x.const_data_ptr(), x.size(0), x.size(2), x.size(3), x.size(1), relu, border};
}

at::Tensor packed(const kernels::Winograd& kernel, Resample form, const kernels::Taps& taps, at::ScalarType type) {
  auto result = at::empty({kernels::winograd_products(form), taps.out, taps.in}, type);
  auto* to = result.mutable_data_ptr();
  at::parallel_for(0, taps.out / kernel.columns(taps.out) * (taps.in / kernel.depth), 16,
                   [&](int64_t begin, int64_t end) { kernel.pack(form, taps, begin, end, to); });
  return result;
}

/// x, kernel and epilogue -> the resampled convolution.
at::Tensor run(const at::Tensor& x, bool relu, Resample form, bool border, const kernels::Taps& taps,
               const kernels::Epilogue& epilogue, const float* scale = nullptr) {
  const auto& kernel = *kernels_for(x.scalar_type());
  auto image = image_of(x, relu, border);
  image.scale = scale;
  const auto weight = packed(kernel, form, taps, x.scalar_type());
  const auto height = resampled(x.size(2), form, border), width = resampled(x.size(3), form, border);
  auto y = at::empty({x.size(0), taps.out, height, width}, x.options(), channels_last);
  auto* to = y.mutable_data_ptr();
  const auto tiles = kernels::winograd_tiles(form, image),
             batch = kernels::winograd_batch(form, taps.in, kernel.element);
  at::parallel_for(0, tiles, batch, [&](int64_t begin, int64_t end) {
    const Scratch scratch(kernels::convolve_scratch(form, taps.in, kernel.element));
    kernel.convolve(form, image, data_of(weight), taps.out, epilogue, begin, end, to, scratch.start());
  });
  return y;
}

at::Tensor input_gradient(const at::Tensor& gradient, const at::Tensor& x, const Convolution& c,
                          const at::Tensor& weight) {
  // Averaging is, up to a factor, the adjoint of upsampling; the convolution's is that with its mirrored, swapped taps.
  const auto form = c.resample == Resample::up     ? Resample::down
                    : c.resample == Resample::down ? Resample::up
                                                   : Resample::none;
  const float scale = c.resample == Resample::up ? 4 : c.resample == Resample::down ? 0.25f : 1;
  const auto out = weight.size(0), in = weight.size(1);
  const kernels::Taps taps{weight.const_data_ptr<float>(), in, out, 9, in * 9, true, scale};
  return run(gradient, false, form, c.border, taps, {nullptr, nullptr, false, c.relu ? data_of(x) : nullptr});
}

kernels::Taps taps_of(const at::Tensor& weight) {
  const auto out = weight.size(0), in = weight.size(1);
  return {weight.const_data_ptr<float>(), out, in, in * 9, 9, false, 1};
}

/// How a weight's gradient is cut. Few channels: into spans of tiles, whose number depends on the shapes alone, so that
/// their sums can be added in order. Many: each thread has all rows of some output channels, or one row where there are
/// more threads than blocks of channels; either way a sum takes the tiles in order.
std::vector<std::pair<int64_t, kernels::WeightPart>> parts_of(const kernels::Winograd& kernel, Resample form,
                                                              int64_t tiles, int64_t out, int64_t in) {
  constexpr int64_t most_spans = 16, most_sums = 262144;
  const auto rows = kernels::winograd_rows(form);
  auto spans = std::clamp<int64_t>(most_sums / (rows * rows * out * in), 1, std::min(most_spans, tiles));
  if (spans > 1 && spans % 2) --spans;  // two threads have the same work
  std::vector<std::pair<int64_t, kernels::WeightPart>> parts;
  for (int64_t s = 0; spans > 1 && s < spans; ++s)
    parts.push_back({s, {tiles * s / spans, tiles * (s + 1) / spans, 0, rows, 0, out}});
  if (spans > 1) return parts;
  const int64_t blocks = out / kernel.columns(out), threads = at::get_num_threads();
  const int64_t slice = (blocks + threads - 1) / threads * kernel.columns(out);
  for (int64_t first = 0; first < out; first += slice)
    for (int64_t row = 0; row < (threads > blocks ? rows : 1); ++row)
      parts.push_back({0, {0, tiles, row, threads > blocks ? row + 1 : rows, first, std::min(first + slice, out)}});
  return parts;
}

std::tuple<at::Tensor, at::Tensor> weight_gradient(const at::Tensor& gradient, const at::Tensor& x,
                                                   const Convolution& c) {
  const auto& kernel = *kernels_for(x.scalar_type());
  const auto form = c.resample;
  const auto image = image_of(x, c.relu, c.border), out_image = image_of(gradient, false, false);
  const auto out = c.weight.size(0), in = c.weight.size(1), products = kernels::winograd_products(form);
  const auto parts = parts_of(kernel, form, kernels::winograd_tiles(form, image), out, in);
  const auto spans = parts.back().first + 1;
  const auto options = c.weight.options().dtype(at::kFloat);
  auto sums = at::zeros({spans, products, out, in}, options), bias = at::zeros({spans, out}, options);
  auto* to = sums.mutable_data_ptr<float>();
  auto* to_bias = bias.mutable_data_ptr<float>();
  at::parallel_for(0, static_cast<int64_t>(parts.size()), 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch(kernels::weight_scratch(form, in, out, kernel.element));
    for (auto p = begin; p < end; ++p) {
      const auto& [span, part] = parts[p];
      kernel.weight_sums(form, image, out_image, part, to + span * products * out * in, to_bias + span * out,
                         scratch.start());
    }
  });
  if (spans > 1) sums = sums.sum(0, true), bias = bias.sum(0, true);
  auto weight = at::empty({out, in, 3, 3}, options);
  auto* result = weight.mutable_data_ptr<float>();
  const auto* total = sums.const_data_ptr<float>();
  at::parallel_for(
      0, out, 8, [&](int64_t begin, int64_t end) { kernel.weight_gradient(form, total, out, in, begin, end, result); });
  return {weight, bias[0]};
}

}  // namespace

bool takes(const at::Tensor& x, const Convolution& c) {
  const auto fits = [](int64_t channels) { return channels > 0 && channels % kernels::winograd_channels == 0; };
  return (x.is_cpu() || x.is_meta()) && c.weight.scalar_type() == at::kFloat && c.weight.size(2) == 3 &&
         c.weight.size(3) == 3 && fits(c.weight.size(0)) && fits(c.weight.size(1)) &&
         (c.resample == Resample::up || (x.size(2) % 2 == 0 && x.size(3) % 2 == 0)) && x.numel() > 0 &&
         kernels_for(x.scalar_type());
}

int64_t workspace(const at::Tensor& x, const Convolution& c, bool for_weight_gradient) {
  const auto& kernel = *kernels_for(x.scalar_type());
  const auto out = c.weight.size(0), in = c.weight.size(1), numbers = kernels::winograd_products(c.resample) * out * in;
  if (!for_weight_gradient) return numbers * kernel.element;
  const auto tiles =
      kernels::winograd_tiles(c.resample, {nullptr, x.size(0), x.size(2), x.size(3), in, false, c.border});
  const auto spans = parts_of(kernel, c.resample, tiles, out, in).back().first + 1;
  return (spans + (spans > 1)) * numbers * static_cast<int64_t>(sizeof(float));
}

at::Tensor convolution(const at::Tensor& x, const Convolution& c) {
  const auto taps = taps_of(c.weight);
  const auto bias = c.bias.value_or(at::Tensor()), residual = c.residual.value_or(at::Tensor());
  const bool half = residual.defined() && residual.size(2) != resampled(x.size(2), c.resample, c.border);
  return run(x, c.relu, c.resample, c.border, taps,
             {bias.defined() ? bias.const_data_ptr<float>() : nullptr, data_of(residual), half, nullptr});
}

at::Tensor styled_convolution(const at::Tensor& x, const at::Tensor& scale, const Convolution& c,
                              const BiasActivation& end) {
  const auto in_floats = [](const at::Tensor& t) { return t.defined() ? t.to(at::kFloat).contiguous() : t; };
  const auto floats = [](const at::Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; };
  const auto style = in_floats(scale), factors = in_floats(end.scale), noise = in_floats(end.noise);
  const auto bias = in_floats(end.bias);
  kernels::Epilogue epilogue{floats(bias), nullptr, false, nullptr, floats(factors), floats(noise)};
  if (noise.defined() && noise.size(0) > 1) epilogue.noise_stride = noise.size(2) * noise.size(3);
  epilogue.activated = end.slope != 1 || end.gain != 1 || end.clamp > 0;
  epilogue.slope = static_cast<float>(end.slope);
  epilogue.gain = static_cast<float>(end.gain);
  epilogue.clamp = static_cast<float>(end.clamp);
  // No operator is called that a profiler would see (profiling/recorder.h).
  at::RecordFunction record(at::RecordScope::FUNCTION);
  if (record.isActive()) {
    const auto form = static_cast<int64_t>(c.resample);
    const std::vector<c10::IValue> given{x, c.weight, c10::IValue(), c10::IValue(), form, false, c.border};
    record.before("fqgan::convolution", c10::ArrayRef<const c10::IValue>(given.data(), given.size()));
  }
  const auto y = run(x, false, c.resample, c.border, taps_of(c.weight), epilogue, floats(style));
  if (record.needsOutputs()) record.setOutputs(std::vector<c10::IValue>{y});
  return y;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& gradient, const at::Tensor& x,
                                                         const Convolution& c, bool wants_x, bool wants_weight) {
  at::Tensor dx, dw, db;
  if (wants_x) dx = input_gradient(gradient, x, c, c.weight);
  if (wants_weight) std::tie(dw, db) = weight_gradient(gradient, x, c);
  return {dx, dw, c.bias ? db : at::Tensor()};
}

}  // namespace fqgan::ops::winograd
