#include "fqgan/losses/style_gan.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

namespace fqgan {
namespace {

at::Tensor gradient(const at::Tensor& scalar, const at::Tensor& input) {
  return torch::autograd::grad({scalar}, {input}, {}, /*retain_graph=*/true, /*create_graph=*/true)[0];
}

}  // namespace

at::Tensor r1_penalty(const at::Tensor& logits, const at::Tensor& images, double gamma) {
  return gradient(logits.sum(), images).square().sum({1, 2, 3}).mean() * (gamma / 2);
}

at::Tensor path_lengths(const at::Tensor& images, const at::Tensor& ws, const at::Tensor& noise) {
  const auto pixels = static_cast<double>(images.size(2) * images.size(3));
  const auto slope = gradient((images * noise).sum() / std::sqrt(pixels), ws);
  return slope.square().sum(2).mean(1).sqrt();
}

PathLengthPenalty path_length_penalty(const at::Tensor& lengths, const at::Tensor& mean, const at::Tensor& average,
                                      double decay) {
  const auto next = average.lerp(mean, decay);
  return {(lengths - next).square().mean(), next.detach()};
}

}  // namespace fqgan
