#include "fqgan/metrics/lpips.h"

#include <ATen/TensorOperators.h>

#include "fqgan/core/error.h"
#include "fqgan/core/shape.h"

namespace fqgan {
namespace {

at::Tensor unit_channels(const at::Tensor& maps) {
  const auto wide = maps.detach().to(at::kDouble);
  return wide / (wide.square().sum(1, true).sqrt() + 1e-10);
}

}  // namespace

at::Tensor lpips(const std::vector<PerceptualLayer>& layers) {
  if (layers.empty()) fail("lpips", "expected feature maps of at least one layer, got none");
  const auto images = layers[0].a.size(0);
  at::Tensor total;
  for (const auto& layer : layers) {
    check_shape(layer.a, {images, any, any, any}, "lpips, feature maps of the first images");
    const auto sizes = layer.a.sizes();
    check_shape(layer.b, {sizes[0], sizes[1], sizes[2], sizes[3]}, "lpips, feature maps of the second images");
    check_shape(layer.weights, {sizes[1]}, "lpips, weights of the channels");
    const auto weights = layer.weights.detach().to(at::kDouble).view({1, -1, 1, 1});
    const auto apart = (unit_channels(layer.a) - unit_channels(layer.b)).square();
    const auto distance = (apart * weights).sum(1).mean(at::IntArrayRef{1, 2});
    total = total.defined() ? total + distance : distance;
  }
  return total;
}

}  // namespace fqgan
