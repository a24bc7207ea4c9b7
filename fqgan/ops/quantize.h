// The operators of feature quantization, as registered with TORCH_LIBRARY(fqgan) in quantize.cpp.
// Shapes: M rows, D code dimension, K codes, N images.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace fqgan::ops {

/// rows M x D, codebook K x D -> int64 M: the nearest code, argmax of x.e - |e|^2 / 2; the lowest index on a tie. The
/// same codes for any number of threads. No gradient.
at::Tensor nearest_code(const at::Tensor& rows, const at::Tensor& codebook);

/// rows M x D, codes M -> counts K, sums K x D (float32; float64 for float64 rows): each code's rows summed in their
/// order, so that the bits do not depend on the number of threads. No gradient.
std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& rows, const at::Tensor& codes, int64_t count);

/// h N x D x H x W, codebook K x D, codes N*H*W (positions in N, H, W order) -> loss N: the mean over an image's
/// elements of |h - e|^2 (FQ-GAN, equation 3, with the commitment factor left out). Differentiable in h, once: its
/// backward operator is closed to autograd and throws under create_graph.
at::Tensor commitment_loss(const at::Tensor& h, const at::Tensor& codebook, const at::Tensor& codes);

/// The same, through plain differentiable operators: the reference twin.
at::Tensor commitment_loss_twin(const at::Tensor& h, const at::Tensor& codebook, const at::Tensor& codes);

/// h N x C x H x W -> N*H*W x C: a view for channels_last memory, else a copy.
at::Tensor map_rows(const at::Tensor& h);

}  // namespace fqgan::ops
