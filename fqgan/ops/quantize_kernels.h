// The kernels behind fqgan/ops/quantize.h, below autograd. They check shapes and codes, for callers from Python too.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace fqgan::ops::kernels {

at::Tensor nearest_code(const at::Tensor& rows, const at::Tensor& codebook);
std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& rows, const at::Tensor& codes, int64_t count);
at::Tensor commitment_loss(const at::Tensor& h, const at::Tensor& codebook, const at::Tensor& codes);
at::Tensor commitment_loss_backward(const at::Tensor& gradient, const at::Tensor& h, const at::Tensor& codebook,
                                    const at::Tensor& codes);

}  // namespace fqgan::ops::kernels
