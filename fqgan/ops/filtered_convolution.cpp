#include "fqgan/ops/filtered_convolution.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "fqgan/core/shape.h"
#include "fqgan/ops/bias_activation_cpu.h"
#include "fqgan/ops/convolution_winograd.h"
#include "fqgan/ops/inputs.h"
#include "fqgan/ops/upfirdn_cpu.h"

namespace fqgan::ops {
namespace {

using Filter = at::Tensor (*)(const at::Tensor&, const Upfirdn&);

/// The sequence of the reference, with one form of the filter or the other.
at::Tensor by_sequence(const at::Tensor& x, const at::Tensor& weight, Resample form, Filter filter) {
  Convolution c;
  if (form == Resample::up) {
    c.weight = weight.transpose(0, 1);
    c.geometry = Geometry{.stride = 2, .transposed = true};
    const auto large = reference::convolution(x, c);  // 2H + 1
    return filter(large, {.taps = style_gan_taps(), .padding = Padding::all(1), .gain = 4});
  }
  c.weight = weight;
  c.geometry = Geometry{.stride = 2};
  const auto smooth = filter(x, {.taps = style_gan_taps(), .padding = Padding::all(2)});  // H + 1
  return reference::convolution(smooth, c);
}

const std::vector<double>& rest_of_the_filter() {
  static const std::vector<double> taps{0.25, 0.5, 0.25};
  return taps;
}

Upfirdn filter_behind() { return {.taps = rest_of_the_filter(), .padding = Padding::all(-1)}; }

/// The filter behind the convolution that upsamples, and the end of the layer row by row. large: with its border.
at::Tensor filtered_and_activated(const at::Tensor& large, const BiasActivation& end) {
  const auto maybe = [](const at::Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
  auto y = at::empty({large.size(0), large.size(1), large.size(2) - 4, large.size(3) - 4}, large.options(),
                     at::MemoryFormat::ChannelsLast);
  upfirdn_cpu(large, filter_behind(), y,
              cpu::activation_of_rows(y, maybe(end.scale), maybe(end.noise), maybe(end.bias),
                                      {end.slope, end.gain, end.clamp}));
  return y;
}

/// Whether one pass of our kernels computes it: they record no gradient, and know slopes up to 1.
bool in_one_pass(const at::Tensor& x, const Convolution& c, const BiasActivation& end) {
  return !c10::GradMode::is_enabled() && x.is_cpu() && end.slope <= 1 && winograd::takes(x, c);
}

at::Tensor scaled(const at::Tensor& x, const at::Tensor& style) { return bias_activation(x, {.scale = style}); }

void check_maps(const at::Tensor& x, const at::Tensor& weight) {
  check_shape(weight, {any, any, any, any}, "convolution weight");
  check_shape(x, {any, weight.size(1), any, any}, "convolution");
}

void check_style(const at::Tensor& x, const at::Tensor& style, const at::Tensor& weight) {
  check_maps(x, weight);
  check_shape(style, {x.size(0), x.size(1)}, "convolution style");
}

/// times: how often a side of x fits into the result's.
void check_end(const at::Tensor& x, const at::Tensor& weight, int64_t times, const BiasActivation& end) {
  const auto out = weight.size(0);
  if (end.bias.defined()) check_shape(end.bias, {out}, "convolution bias");
  if (end.scale.defined()) check_shape(end.scale, {x.size(0), out}, "convolution scale");
  if (end.noise.defined())
    check_shape(end.noise, {end.noise.size(0) == 1 ? 1 : x.size(0), 1, times * x.size(2), times * x.size(3)},
                "convolution noise");
}

}  // namespace

const std::vector<double>& style_gan_taps() {
  static const std::vector<double> taps{0.125, 0.375, 0.375, 0.125};
  return taps;
}

at::Tensor filtered_convolution(const at::Tensor& x, const at::Tensor& weight, Resample form) {
  check_maps(x, weight);
  Convolution c{.weight = weight, .resample = form, .border = true};
  if (!winograd::takes(x, c)) return by_sequence(x, weight, form, upfirdn);
  if (form == Resample::up) {
    c.weight = weight.flip({2, 3});
    return upfirdn(convolution(x, c), filter_behind());
  }
  return convolution(upfirdn(x, {.taps = rest_of_the_filter(), .padding = Padding::all(3)}), c);
}

at::Tensor styled_convolution(const at::Tensor& x, const at::Tensor& style, const at::Tensor& weight,
                              const BiasActivation& end) {
  check_style(x, style, weight);
  check_end(x, weight, 1, end);
  const Convolution c{weight.contiguous()};
  if (!in_one_pass(x, c, end)) return bias_activation(convolution(scaled(x, style), c), end);
  return winograd::styled_convolution(in_channels_last(x), style, c, end);
}

at::Tensor styled_upsampling(const at::Tensor& x, const at::Tensor& style, const at::Tensor& weight,
                             const BiasActivation& end) {
  check_style(x, style, weight);
  check_end(x, weight, 2, end);
  const Convolution c{.weight = weight.flip({2, 3}).contiguous(), .resample = Resample::up, .border = true};
  if (!in_one_pass(x, c, end))
    return bias_activation(filtered_convolution(scaled(x, style), weight, Resample::up), end);
  return filtered_and_activated(winograd::styled_convolution(in_channels_last(x), style, c, {}), end);
}

namespace reference {
at::Tensor filtered_convolution(const at::Tensor& x, const at::Tensor& weight, Resample form) {
  return by_sequence(x, weight, form, upfirdn);
}
}  // namespace reference

}  // namespace fqgan::ops
