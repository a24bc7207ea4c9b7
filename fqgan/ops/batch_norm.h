// Batch normalization of a batch, registered as torch.ops.fqgan.batch_norm (Ioffe and Szegedy 2015, section 3), with
// gain and bias of each channel or of each image's channels (conditional batch normalization). On the processor it runs
// on kernels whose sums have one order: the same bits for any number of threads and instruction set.
#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace fqgan::ops {

/// x: N x C x H x W, float32, bfloat16 or float64; gain, bias: C or N x C, float32 (float64 for float64 images)
/// -> y of x's type, channels_last; mean C and variance C (biased) of the batch, without gradient. Differentiable once:
/// to differentiate its gradients is an error. Errors: UserError for shapes that do not fit and for an empty batch.
std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm(const at::Tensor& x, const at::Tensor& gain,
                                                          const at::Tensor& bias, double epsilon);

namespace reference {
/// Through LibTorch's own operators; differentiable to any order in x, gain and bias.
std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm(const at::Tensor& x, const at::Tensor& gain,
                                                          const at::Tensor& bias, double epsilon);
/// Its gradients in closed form, of x, gain and bias, for the batch's mean and variance.
std::tuple<at::Tensor, at::Tensor, at::Tensor> batch_norm_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                                   const at::Tensor& gain, const at::Tensor& mean,
                                                                   const at::Tensor& variance, double epsilon);
}  // namespace reference

/// The sum over N, H and W of a channels_last map, C, in float32; its order does not depend on the threads.
at::Tensor channel_sums(const at::Tensor& x);

}  // namespace fqgan::ops
