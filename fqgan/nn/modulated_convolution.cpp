#include "fqgan/nn/modulated_convolution.h"

#include <ATen/ATen.h>

#include "fqgan/ops/convolution.h"
#include "fqgan/ops/filtered_convolution.h"
#include "fqgan/ops/upfirdn.h"

namespace fqgan {
namespace {

at::Tensor filtered(const at::Tensor& x, const ops::Upfirdn& filter, Pass& pass) {
  return pass.reference_operators ? ops::reference::upfirdn(x, filter) : ops::upfirdn(x, filter);
}

at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, Pass& pass) {
  return pass.reference_operators ? ops::reference::convolution(x, {weight}) : ops::convolution(x, {weight});
}

at::Tensor resampled(const at::Tensor& x, const at::Tensor& weight, ops::Resample form, Pass& pass) {
  return pass.reference_operators ? ops::reference::filtered_convolution(x, weight, form)
                                  : ops::filtered_convolution(x, weight, form);
}

}  // namespace

at::Tensor upsampled(const at::Tensor& x, Pass& pass) {
  return filtered(x, {.taps = ops::style_gan_taps(), .up = 2, .padding = {2, 1, 2, 1}, .gain = 4}, pass);
}

at::Tensor downsampled(const at::Tensor& x, Pass& pass) {
  return filtered(x, {.taps = ops::style_gan_taps(), .down = 2, .padding = ops::Padding::all(1)}, pass);
}

at::Tensor modulated_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& style, bool up,
                                 const ops::BiasActivation& end, Pass& pass) {
  if (pass.reference_operators || !style.defined()) {
    const auto scaled = style.defined() ? activated(x, {.scale = style}, pass) : x;
    return activated(up ? resampled(scaled, weight, ops::Resample::up, pass) : convolved(scaled, weight, pass), end,
                     pass);
  }
  return up ? ops::styled_upsampling(x, style, weight, end) : ops::styled_convolution(x, style, weight, end);
}

at::Tensor downsampling_convolution(const at::Tensor& x, const at::Tensor& weight, Pass& pass) {
  if (weight.size(2) == 1) return convolved(downsampled(x, pass), weight, pass);
  return resampled(x, weight, ops::Resample::down, pass);
}

at::Tensor activated(const at::Tensor& x, const ops::BiasActivation& end, Pass& pass) {
  return pass.reference_operators ? ops::reference::bias_activation(x, end) : ops::bias_activation(x, end);
}

at::Tensor demodulation(const at::Tensor& weight, const at::Tensor& style) {
  const auto energy = weight.square().sum({2, 3});  // Co x Ci
  return (style.square().mm(energy.t()) + 1e-8).rsqrt();
}

}  // namespace fqgan
