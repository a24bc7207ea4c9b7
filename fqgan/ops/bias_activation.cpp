#include "fqgan/ops/bias_activation.h"

#include <ATen/ATen.h>

#include <cmath>

#include "fqgan/core/shape.h"

namespace fqgan::ops {
namespace {

void check(const at::Tensor& x, const BiasActivation& a) {
  if (a.bias.defined()) check_shape(a.bias, {x.size(1)}, "bias_activation bias");
  if (a.scale.defined()) check_shape(a.scale, {x.size(0), x.size(1)}, "bias_activation scale");
  if (a.noise.defined())
    check_shape(a.noise, {a.noise.size(0) == 1 ? 1 : x.size(0), 1, x.size(2), x.size(3)}, "bias_activation noise");
}

}  // namespace

BiasActivation leaky_relu(double gain, double clamp) {
  BiasActivation a;
  a.slope = 0.2;
  a.gain = std::sqrt(2.) * gain;
  a.clamp = clamp * gain;
  return a;
}

at::Tensor bias_activation(const at::Tensor& x, const BiasActivation& a) {
  check(x, a);
  const auto type = x.scalar_type();
  auto y = x;
  if (a.scale.defined()) y = y * a.scale.to(type).unsqueeze(2).unsqueeze(3);
  if (a.noise.defined()) y = y + a.noise.to(type);
  if (a.bias.defined()) y = y + (x.dim() == 4 ? a.bias.to(type).reshape({1, -1, 1, 1}) : a.bias.to(type));
  if (a.slope != 1) y = at::leaky_relu(y, a.slope);
  if (a.gain != 1) y = y * a.gain;
  return a.clamp > 0 ? y.clamp(-a.clamp, a.clamp) : y;
}

}  // namespace fqgan::ops
