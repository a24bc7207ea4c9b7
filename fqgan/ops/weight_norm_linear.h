// A weight-normalized linear layer (Salimans and Kingma 2016) as one operator, registered as
// torch.ops.fqgan.weight_norm_linear: length, cast, product, scale, bias and ReLU. The products are scaled, not the
// weights, and the gradient of the length is taken from that of the products, in closed form.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan::ops {

/// x: M x I, float32, bfloat16 or float64; weight: O x I, scale, bias: O, float32 (float64 for float64 rows)
/// -> [relu] (x W^T scale / |w| + bias), M x O in x's type, |w| the length of each row of W. Differentiable once: to
/// differentiate its gradients is an error. Errors: UserError for shapes that do not fit.
at::Tensor weight_norm_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                              const at::Tensor& bias, bool relu);

namespace reference {
/// The formula; differentiable to any order.
at::Tensor weight_norm_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                              const at::Tensor& bias, bool relu);
}  // namespace reference

}  // namespace fqgan::ops
