#include "fqgan/ops/weight_norm_linear_reference.h"

#include <ATen/ATen.h>

#include "fqgan/ops/weight_norm_linear.h"

namespace fqgan::ops::reference {

at::Tensor weight_norm_factor(const at::Tensor& weight, const at::Tensor& scale) {
  return scale / at::linalg_vector_norm(weight, 2, at::IntArrayRef{1});
}

at::Tensor weight_norm_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                              const at::Tensor& bias, bool relu) {
  const auto cast = [&](const at::Tensor& t) { return t.to(x.scalar_type()); };
  const auto y = at::addcmul(cast(bias), at::linear(x, cast(weight)), cast(weight_norm_factor(weight, scale)));
  return relu ? at::relu(y) : y;
}

std::pair<at::Tensor, at::Tensor> weight_norm_finish_back(const at::Tensor& gradient, const at::Tensor& y,
                                                          const at::Tensor& factor, bool relu) {
  const auto kept = relu ? gradient * (y > 0) : gradient;
  return {kept * factor.to(y.scalar_type()), at::sum(kept, at::IntArrayRef{0}, false, factor.scalar_type())};
}

std::pair<at::Tensor, at::Tensor> weight_norm_back(const at::Tensor& raw, const at::Tensor& weight,
                                                   const at::Tensor& scale, const at::Tensor& factor) {
  const auto wide = raw.to(weight.scalar_type()), along = (weight * wide).sum(1, true);
  const auto length = (scale / factor).unsqueeze(1);
  return {wide - weight * (along / (length * length)), along.squeeze(1) / scale};
}

}  // namespace fqgan::ops::reference
