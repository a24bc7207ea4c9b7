#include "fqgan/nn/modulated_convolution.h"

#include <ATen/ATen.h>

#include "fqgan/ops/convolution.h"
#include "fqgan/ops/upfirdn.h"

namespace fqgan {
namespace {

at::Tensor filtered(const at::Tensor& x, const ops::Upfirdn& filter, Pass& pass) {
  return pass.reference_operators ? ops::reference::upfirdn(x, filter) : ops::upfirdn(x, filter);
}

at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, std::optional<ops::Geometry> geometry, Pass& pass) {
  ops::Convolution c;
  c.weight = weight;
  c.geometry = geometry;
  return pass.reference_operators ? ops::reference::convolution(x, c) : ops::convolution(x, c);
}

}  // namespace

const std::vector<double>& style_gan_taps() {
  static const std::vector<double> taps{0.125, 0.375, 0.375, 0.125};
  return taps;
}

at::Tensor upsampled(const at::Tensor& x, Pass& pass) {
  return filtered(x, {.taps = style_gan_taps(), .up = 2, .padding = {2, 1, 2, 1}, .gain = 4}, pass);
}

at::Tensor downsampled(const at::Tensor& x, Pass& pass) {
  return filtered(x, {.taps = style_gan_taps(), .down = 2, .padding = ops::Padding::all(1)}, pass);
}

at::Tensor modulated_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& style, bool up,
                                 Pass& pass) {
  const auto scaled = style.defined() ? x * style.to(x.scalar_type()).unsqueeze(2).unsqueeze(3) : x;
  if (!up) return convolved(scaled, weight, std::nullopt, pass);
  const ops::Geometry transposed{.stride = 2, .transposed = true};
  const auto large = convolved(scaled, weight.transpose(0, 1), transposed, pass);  // 2H + 1
  return filtered(large, {.taps = style_gan_taps(), .padding = ops::Padding::all(1), .gain = 4}, pass);
}

at::Tensor downsampling_convolution(const at::Tensor& x, const at::Tensor& weight, Pass& pass) {
  if (weight.size(2) == 1) return convolved(downsampled(x, pass), weight, std::nullopt, pass);
  const auto smooth = filtered(x, {.taps = style_gan_taps(), .padding = ops::Padding::all(2)}, pass);  // H + 1
  return convolved(smooth, weight, ops::Geometry{.stride = 2}, pass);
}

at::Tensor activated(const at::Tensor& x, const ops::BiasActivation& end, Pass& pass) {
  return pass.reference_operators ? ops::reference::bias_activation(x, end) : ops::bias_activation(x, end);
}

at::Tensor demodulation(const at::Tensor& weight, const at::Tensor& style) {
  const auto energy = weight.square().sum({2, 3});  // Co x Ci
  return (style.square().mm(energy.t()) + 1e-8).rsqrt();
}

}  // namespace fqgan
