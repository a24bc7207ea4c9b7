#include "fqgan/ops/convolution_few.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "fqgan/ops/batch_norm.h"
#include "fqgan/ops/kernels/instruction_set.h"
#include "fqgan/ops/scratch.h"

namespace fqgan::ops::few {
namespace {

constexpr auto channels_last = at::MemoryFormat::ChannelsLast;
constexpr int64_t rows_per_task = 8;

const kernels::FewChannels* kernels_for(at::ScalarType type) {
  if (type == at::kFloat) return kernels::active().few_channels_float32;
  return type == at::kBFloat16 ? kernels::active().few_channels_bfloat16 : nullptr;
}

bool is_few(int64_t channels) { return channels >= 1 && channels <= kernels::most_few; }
bool is_many(int64_t channels) { return channels > 0 && channels % kernels::winograd_channels == 0; }
bool few_come_in(const at::Tensor& weight) { return is_few(weight.size(1)); }

kernels::Image image_of(const at::Tensor& x, bool relu) {
  return {x.const_data_ptr(), x.size(0), x.size(2), x.size(3), x.size(1), relu};
}

/// weight Co x Ci x k x k -> k x k x few x many; mirrored: as the gradient of the input meets them.
at::Tensor taps_of(const at::Tensor& weight, bool mirrored) {
  const auto taps = few_come_in(weight) ? weight.permute({2, 3, 1, 0}) : weight.permute({2, 3, 0, 1});
  return (mirrored ? taps.flip({0, 1}) : taps).contiguous();
}
at::Tensor weight_of(const at::Tensor& taps, const at::Tensor& weight) {
  if (few_come_in(weight)) return taps.permute({3, 2, 0, 1}).contiguous();
  return taps.flip({0, 1}).permute({2, 3, 0, 1}).contiguous();  // correlated the other way round
}

at::Tensor map_like(const at::Tensor& x, int64_t channels) {
  return at::empty({x.size(0), channels, x.size(2), x.size(3)}, x.options(), channels_last);
}

at::Tensor widen(const at::Tensor& x, const at::Tensor& taps, const kernels::Epilogue& epilogue) {
  const auto& kernel = *kernels_for(x.scalar_type());
  const auto many = taps.size(3), side = taps.size(0);
  auto y = map_like(x, many);
  auto* to = y.mutable_data_ptr();
  const auto image = image_of(x, false);
  const auto* data = taps.const_data_ptr<float>();
  at::parallel_for(0, x.size(0) * x.size(2), rows_per_task, [&](int64_t begin, int64_t end) {
    const Scratch scratch(kernels::few_channels_scratch(x.size(3), x.size(1)));
    kernel.widen(image, side, data, many, epilogue, begin, end, to, reinterpret_cast<float*>(scratch.start()));
  });
  return y;
}

at::Tensor narrow(const at::Tensor& x, bool relu, const at::Tensor& taps, const float* bias) {
  const auto& kernel = *kernels_for(x.scalar_type());
  auto y = map_like(x, taps.size(2));
  auto* to = y.mutable_data_ptr();
  const auto image = image_of(x, relu);
  const auto* data = taps.const_data_ptr<float>();
  at::parallel_for(0, x.size(0) * x.size(2), rows_per_task, [&](int64_t begin, int64_t end) {
    const Scratch scratch(kernels::few_channels_scratch(x.size(3), x.size(1)));
    kernel.narrow(image, taps.size(0), data, taps.size(2), bias, begin, end, to,
                  reinterpret_cast<float*>(scratch.start()));
  });
  return y;
}

/// Sums over all pixels, k x k x few x many, and over the many map alone. Cut into spans whose number depends on the
/// shapes only, and added in order: the same for any number of threads.
std::tuple<at::Tensor, at::Tensor> correlate(const kernels::Image& many, const kernels::Image& few_map, int64_t side,
                                             const kernels::FewChannels& kernel) {
  constexpr int64_t most_spans = 16;
  const auto rows = many.count * many.height, spans = std::min(most_spans, rows);
  auto sums = at::zeros({spans, side, side, few_map.channels, many.channels}, at::kFloat);
  auto totals = at::zeros({spans, many.channels}, at::kFloat);
  auto* to = sums.mutable_data_ptr<float>();
  auto* to_totals = totals.mutable_data_ptr<float>();
  const auto size = side * side * few_map.channels * many.channels;
  at::parallel_for(0, spans, 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch(kernels::few_channels_scratch(many.width, few_map.channels));
    for (auto s = begin; s < end; ++s)
      kernel.correlate(many, few_map, side, rows * s / spans, rows * (s + 1) / spans, to + s * size,
                       to_totals + s * many.channels, reinterpret_cast<float*>(scratch.start()));
  });
  return {sums.sum(0), totals.sum(0)};
}

const void* data_of(const at::Tensor& x) { return x.defined() ? x.const_data_ptr() : nullptr; }

/// Few channels averaged before a 1x1 convolution, which commutes with it.
at::Tensor read(const at::Tensor& x, const Convolution& c) {
  return c.resample == Resample::down ? at::avg_pool2d(x, 2) : x;
}

}  // namespace

bool takes(const at::Tensor& x, const Convolution& c) {
  const auto out = c.weight.size(0), in = c.weight.size(1), side = c.weight.size(2);
  if (!(x.is_cpu() || x.is_meta()) || c.weight.scalar_type() != at::kFloat || x.numel() == 0) return false;
  if (!kernels_for(x.scalar_type())) return false;
  const bool averaged = c.resample == Resample::down && side == 1;
  if (is_few(in) && is_many(out)) return !c.relu && (c.resample == Resample::none || averaged);
  return is_many(in) && is_few(out) && c.resample == Resample::none && !c.residual;
}

at::Tensor convolution(const at::Tensor& x, const Convolution& c) {
  const auto input = read(x, c), taps = taps_of(c.weight, false);
  const auto bias = c.bias.value_or(at::Tensor()), residual = c.residual.value_or(at::Tensor());
  const auto* to_add = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  if (!few_come_in(c.weight)) return narrow(input, c.relu, taps, to_add);
  return widen(input, taps,
               {to_add, data_of(residual), residual.defined() && residual.size(2) != input.size(2), nullptr});
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& g, const at::Tensor& x, const Convolution& c,
                                                         bool wants_x, bool wants_weight) {
  const auto input = read(x, c);
  const bool widens = few_come_in(c.weight);
  at::Tensor dx, dw, db;
  if (wants_x) {
    const auto taps = taps_of(c.weight, true);
    dx = widens ? narrow(g, false, taps, nullptr)
                : widen(g, taps, {nullptr, nullptr, false, c.relu ? data_of(input) : nullptr});
    if (c.resample == Resample::down) dx = at::upsample_nearest2d(dx.mul_(0.25), {x.size(2), x.size(3)});
  }
  if (wants_weight) {
    const auto &many = widens ? g : input, &few_map = widens ? input : g;
    at::Tensor sums;
    std::tie(sums, db) = correlate(image_of(many, !widens && c.relu), image_of(few_map, false), c.weight.size(2),
                                   *kernels_for(x.scalar_type()));
    dw = weight_of(sums, c.weight);
    if (!widens) db = channel_sums(g);
  }
  return {dx, dw, c.bias ? db : at::Tensor()};
}

}  // namespace fqgan::ops::few
