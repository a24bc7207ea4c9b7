// Feature quantization through plain operators: the reference implementation, and what runs on a GPU and in float64.
// Arguments as in quantize.h, checked already.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace fqgan::ops::reference {

/// N x D x H x W -> N*H*W x D, a view for channels_last memory; M x D -> itself. In the type of sums.
at::Tensor rows_of(const at::Tensor& features);

at::Tensor nearest_code(const at::Tensor& features, const at::Tensor& codebook);
std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& features, const at::Tensor& codes, int64_t count);
at::Tensor commitment_loss(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes);
at::Tensor commitment_loss_backward(const at::Tensor& gradient, const at::Tensor& features, const at::Tensor& codebook,
                                    const at::Tensor& codes);
at::Tensor straight_through(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                            double fraction);

}  // namespace fqgan::ops::reference
