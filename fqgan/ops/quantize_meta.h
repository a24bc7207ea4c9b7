// Meta kernels of the quantization operators: shapes without data, for torch.compile and torch.export. They refuse what
// the operators refuse, as far as shapes and types show it; extents may be symbols and stay so.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace fqgan::ops::meta {

at::Tensor nearest_code(const at::Tensor& features, const at::Tensor& codebook);
std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& features, const at::Tensor& codes, int64_t count);
at::Tensor commitment_loss(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes);
at::Tensor commitment_loss_backward(const at::Tensor& gradient, const at::Tensor& features, const at::Tensor& codebook,
                                    const at::Tensor& codes);
at::Tensor straight_through(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                            double fraction);

}  // namespace fqgan::ops::meta
