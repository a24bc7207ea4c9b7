// The operators of feature quantization (FQ-GAN, Zhao et al. 2020, section 3), as registered with TORCH_LIBRARY(fqgan)
// in quantize.cpp. Each checks its arguments and throws UserError ([operator] expected ..., got ...).
//
// features: N x D x H x W or M x D in any memory order (contiguous and channels_last ones are not copied); float32,
// bfloat16 and float16 (both computed in float32), or float64.
// codebook: K x D, float64 if, and only if, the features are; its gradient is never taken. codes: int64, N x H x W or
// M. An M x D matrix is M images of one position. On the processor all but float64 run on kernels
// (quantize_cpu.h), all else on plain operators, the reference implementation (quantize_reference.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <tuple>
#include <vector>

namespace fqgan::ops {

/// The code of each position: argmin_k |x - e_k|^2; the lowest of equals. Exact on a processor: the same code that a
/// search in float64 finds, whatever the type in which candidates were screened, the memory layout, the instruction set
/// and the number of threads. On a GPU the products are float32, and nearly equal distances may be taken for one
/// another. No gradient.
at::Tensor nearest_code(const at::Tensor& features, const at::Tensor& codebook);

/// counts K, sums K x D (float32; float64 for float64 features): how many rows each code has, and their sum, in the
/// rows' order. No gradient.
std::tuple<at::Tensor, at::Tensor> code_statistics(const at::Tensor& features, const at::Tensor& codes, int64_t count);

/// Loss N: the mean over an image's elements of (x - e)^2 (equation 3, with the commitment factor left out); float32,
/// or float64 for float64 features. Differentiable in the features, once: to differentiate its gradient is an error.
at::Tensor commitment_loss(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes);

/// features + fraction * (e - features), fraction 0 to 1, e itself for 1; the gradient passes straight through to the
/// features, to any order.
at::Tensor straight_through(const at::Tensor& features, const at::Tensor& codebook, const at::Tensor& codes,
                            double fraction = 1);

/// One momentum step of a dictionary (van den Oord et al. 2017, appendix A.1): cluster_size and codebook_sum move by
/// 1 - decay (0 to 1) towards counts and sums, and codebook = codebook_sum / (cluster_size smoothed by epsilon,
/// Laplace). Returns new codebook, codebook_sum, cluster_size; nothing is written into.
/// updates (int64 scalar, this one counted): the averages are zero-debiased, that is the codebook is made from
/// codebook_sum and cluster_size divided by momentum_weight(decay, updates), and both begin at zero (TensorFlow's
/// assign_moving_average with zero_debias). Without it they are taken as they are.
std::tuple<at::Tensor, at::Tensor, at::Tensor> momentum_update(const at::Tensor& codebook_sum,
                                                               const at::Tensor& cluster_size, const at::Tensor& counts,
                                                               const at::Tensor& sums, double decay, double epsilon,
                                                               const std::optional<at::Tensor>& updates = std::nullopt);

/// 1 - decay^updates (float64 scalar): the weights of all updates so far in a momentum average that began at zero. 1
/// without `updates`.
at::Tensor momentum_weight(double decay, const std::optional<at::Tensor>& updates);

/// Lloyd's k-means from the centres `start` (K x D): codebook K x D and counts K after `iterations` rounds, at least 1.
/// A centre without rows stays where it is. `sum` makes {counts, sums} those of several processes; without it there is
/// one.
std::tuple<at::Tensor, at::Tensor> kmeans(const at::Tensor& features, const at::Tensor& start, int64_t iterations,
                                          const std::function<void(std::vector<at::Tensor>&)>& sum = {});

/// nearest_code's output, not filled.
at::Tensor code_output(const at::Tensor& features);

}  // namespace fqgan::ops
