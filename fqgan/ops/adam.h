// A step of Adam (Kingma and Ba 2015) with epsilon under the root, as openai/improved-gan's nn.py has it, registered as
// torch.ops.fqgan.adam_epsilon_in_root_. LibTorch's fused one, with epsilon beside the root, serves everything else.
#pragma once

#include <ATen/core/Tensor.h>

namespace fqgan::ops {

struct AdamStep {
  double learning_rate, beta1, beta2, epsilon;
  double count;  // steps made, this one included
};

/// p -= rate m^ / sqrt(v^ + epsilon), m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t), in place: parameter, m, v, all of
/// the gradient's shape.
void adam_epsilon_in_root_(at::Tensor& parameter, const at::Tensor& gradient, at::Tensor& m, at::Tensor& v,
                           const AdamStep& step);

}  // namespace fqgan::ops
