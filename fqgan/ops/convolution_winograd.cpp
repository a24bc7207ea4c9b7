#include "fqgan/ops/convolution_winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>

#include "fqgan/ops/kernels/kernels.h"

namespace fqgan::ops::winograd {
namespace {

constexpr auto channels_last = at::MemoryFormat::ChannelsLast;

struct Scratch {
  explicit Scratch(int64_t bytes) : memory(new char[bytes + 64]) {}
  char* start() const { return memory.get() + (64 - reinterpret_cast<uintptr_t>(memory.get()) % 64) % 64; }
  std::unique_ptr<char[]> memory;
};

const uint16_t* bits_of(const at::Tensor& x) { return static_cast<const uint16_t*>(x.const_data_ptr()); }

kernels::Image image_of(const at::Tensor& x, bool relu) {
  return {bits_of(x), x.size(0), x.size(2), x.size(3), x.size(1), relu};
}

at::Tensor packed(Resample form, const kernels::Taps& taps) {
  const auto& kernel = *kernels::active().winograd;
  auto result = at::empty({kernels::winograd_products(form), taps.out, taps.in}, at::kBFloat16);
  auto* to = static_cast<uint16_t*>(result.mutable_data_ptr());
  at::parallel_for(0, taps.out / kernels::channel_block * (taps.in / 2), 16,
                   [&](int64_t begin, int64_t end) { kernel.pack(form, taps, begin, end, to); });
  return result;
}

/// x, kernel and epilogue -> the resampled convolution.
at::Tensor run(const at::Tensor& x, bool relu, Resample form, const kernels::Taps& taps,
               const kernels::Epilogue& epilogue) {
  const auto& kernel = *kernels::active().winograd;
  const auto image = image_of(x, relu);
  const auto weight = packed(form, taps);
  const auto scale = [&](int64_t size) {
    return form == Resample::up ? 2 * size : form == Resample::down ? size / 2 : size;
  };
  auto y = at::empty({x.size(0), taps.out, scale(x.size(2)), scale(x.size(3))}, x.options(), channels_last);
  auto* to = static_cast<uint16_t*>(y.mutable_data_ptr());
  const auto tiles = kernels::winograd_tiles(form, image), batch = kernels::winograd_batch(form, taps.in);
  at::parallel_for(0, tiles, batch, [&](int64_t begin, int64_t end) {
    const Scratch scratch(kernels::convolve_scratch(form, taps.in));
    kernel.convolve(form, image, bits_of(weight), taps.out, epilogue, begin, end, to, scratch.start());
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
  return run(gradient, false, form, taps, {nullptr, nullptr, false, c.relu ? bits_of(x) : nullptr});
}

std::tuple<at::Tensor, at::Tensor> weight_gradient(const at::Tensor& gradient, const at::Tensor& x,
                                                   const Convolution& c) {
  constexpr int64_t slice = 128;  // output channels that a thread sums: their sums stay in the second cache
  const auto& kernel = *kernels::active().winograd;
  const auto form = c.resample;
  const auto image = image_of(x, c.relu), out_image = image_of(gradient, false);
  const auto out = c.weight.size(0), in = c.weight.size(1);
  const auto rows = kernels::winograd_rows(form), slices = (out + slice - 1) / slice;
  const auto options = c.weight.options().dtype(at::kFloat);
  auto sums = at::zeros({rows * rows, out, in}, options), bias = at::zeros({out}, options);
  auto* to = sums.mutable_data_ptr<float>();
  auto* to_bias = bias.mutable_data_ptr<float>();
  at::parallel_for(0, rows * slices, 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch(kernels::weight_scratch(form, in, out));
    for (auto unit = begin; unit < end; ++unit) {
      const auto first = unit / rows * slice;
      kernel.weight_sums(form, image, out_image, unit % rows, first, std::min(first + slice, out), to, to_bias,
                         scratch.start());
    }
  });
  auto weight = at::empty({out, in, 3, 3}, options);
  auto* result = weight.mutable_data_ptr<float>();
  at::parallel_for(0, out, 8,
                   [&](int64_t begin, int64_t end) { kernel.weight_gradient(form, to, out, in, begin, end, result); });
  return {weight, bias};
}

}  // namespace

bool takes(const at::Tensor& x, const Convolution& c) {
  const auto blocks = [](int64_t channels) { return channels % kernels::channel_block == 0; };
  return x.is_cpu() && x.scalar_type() == at::kBFloat16 && c.weight.scalar_type() == at::kFloat &&
         c.weight.size(2) == 3 && blocks(c.weight.size(0)) && blocks(c.weight.size(1)) &&
         (c.resample == Resample::up || (x.size(2) % 2 == 0 && x.size(3) % 2 == 0)) && x.size(0) > 0 &&
         kernels::active().winograd;
}

at::Tensor convolution(const at::Tensor& x, const Convolution& c) {
  const auto weight = c.weight.contiguous(), input = x.contiguous(channels_last);
  const auto out = weight.size(0), in = weight.size(1);
  const kernels::Taps taps{weight.const_data_ptr<float>(), out, in, in * 9, 9, false, 1};
  const auto bias = c.bias ? c.bias->contiguous() : at::Tensor();
  const auto residual = c.residual ? c.residual->contiguous(channels_last) : at::Tensor();
  const auto size = c.resample == Resample::up     ? 2 * x.size(2)
                    : c.resample == Resample::down ? x.size(2) / 2
                                                   : x.size(2);
  return run(input, c.relu, c.resample, taps,
             {bias.defined() ? bias.const_data_ptr<float>() : nullptr, residual.defined() ? bits_of(residual) : nullptr,
              residual.defined() && residual.size(2) != size, nullptr});
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> gradients(const at::Tensor& gradient, const at::Tensor& x,
                                                         const Convolution& c, bool wants_x, bool wants_weight) {
  const auto g = gradient.contiguous(channels_last), input = x.contiguous(channels_last);
  at::Tensor dx, dw, db;
  if (wants_x) dx = input_gradient(g, input, c, c.weight.contiguous());
  if (wants_weight) std::tie(dw, db) = weight_gradient(g, input, c);
  return {dx, dw, c.bias ? db : at::Tensor()};
}

}  // namespace fqgan::ops::winograd
