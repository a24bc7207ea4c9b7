// Feature quantization on the processor, in float32 and bfloat16, over the kernels of fqgan/ops/kernels. Arguments as
// in quantize.h, checked and in order (inputs.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace fqgan::ops::cpu {

at::Tensor nearest_code(const at::Tensor& features, const at::Tensor& codebook);
std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& features, const at::Tensor& codes, int64_t count);
at::Tensor commitment_loss(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes);
at::Tensor commitment_loss_backward(const at::Tensor& gradient, const at::Tensor& features, const at::Tensor& codebook,
                                    const at::Tensor& codes);
at::Tensor straight_through(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                            double fraction);

}  // namespace fqgan::ops::cpu
