// Minibatch discrimination ("Improved Techniques for Training GANs", section 3.2) as one operator, registered as
// torch.ops.fqgan.minibatch_discrimination. It never makes the N x N x B x C differences: memory is O(N B C).
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan::ops {

/// m: N x B x C, what a learned tensor makes of N examples: B kernels of C dimensions; float32, bfloat16 or float64.
/// -> N x B in the same type: o(i, b) = sum over j != i of exp(-sum_c |m(i, b, c) - m(j, b, c)|). An example's
/// similarity to itself, 1, is left out, as in openai/improved-gan (nn.py, MinibatchLayer). Sums are float32, in an
/// order that does not depend on the threads. Differentiable to any order: under create_graph its gradient
/// is made by the reference implementation. Errors: UserError for another number of dimensions.
at::Tensor minibatch_discrimination(const at::Tensor& m);

namespace reference {
/// The formula, through plain operators; differentiable to any order almost everywhere. Without autograd its memory is
/// O(N B C) beyond a few MiB; a graph keeps all N x N x B x C differences.
at::Tensor minibatch_discrimination(const at::Tensor& m);
/// Its gradient in closed form. gradient: N x B.
at::Tensor minibatch_discrimination_backward(const at::Tensor& gradient, const at::Tensor& m);
}  // namespace reference

}  // namespace fqgan::ops
