#include "fqgan/losses/gradient_penalty.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

namespace fqgan {

at::Tensor between(const at::Tensor& real, const at::Tensor& fake, const at::Tensor& fraction) {
  const auto s = fraction.to(real.options()).reshape({-1, 1, 1, 1});
  return (real.detach() * s + fake.detach() * (1 - s)).requires_grad_(true);
}

at::Tensor gradient_penalty(const at::Tensor& logits, const at::Tensor& images) {
  const auto gradient = torch::autograd::grad({logits.sum()}, {images}, {}, true, /*create_graph=*/true)[0];
  return (gradient.flatten(1).norm(2, 1) - 1).pow(2).mean();
}

}  // namespace fqgan
