// The regularizers of StyleGAN2 (Karras et al. 2020; NVlabs/stylegan2-ada-pytorch, training/loss.py).
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan {

/// R1 (Mescheder et al. 2018, 'Which training methods for GANs do actually converge?', equation 9): gamma / 2 times
/// the mean over images of |d logit / d image|^2. logits: N, made from `images` (N x C x H x W, a leaf that requires
/// gradients) by operators that can be differentiated twice.
at::Tensor r1_penalty(const at::Tensor& logits, const at::Tensor& images, double gamma);

/// The path lengths (Karras et al. 2020, section 3.2): |J^T y| for each image, with y = noise / sqrt(H W). images:
/// N x C x H x W, made from `ws` (N x rows x W) by operators that can be differentiated twice; noise: N(0, 1) in the
/// shape of the images. The square is summed over W and averaged over the rows. -> N
at::Tensor path_lengths(const at::Tensor& images, const at::Tensor& ws, const at::Tensor& noise);

/// mean (length - average)^2 over images, with the moving average of the lengths *after* its step towards their mean.
/// As in the released code, the gradient also flows through this step.
struct PathLengthPenalty {
  at::Tensor penalty, average;  // scalars; the average without gradient
};
/// lengths: N; average: a scalar; mean: of the lengths, over all ranks; decay: weight of the new mean.
PathLengthPenalty path_length_penalty(const at::Tensor& lengths, const at::Tensor& mean, const at::Tensor& average,
                                      double decay);

}  // namespace fqgan
