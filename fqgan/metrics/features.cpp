#include "fqgan/metrics/features.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/div.h>

#include "fqgan/core/error.h"
#include "fqgan/metrics/conventions.h"

namespace fqgan {
namespace {

constexpr int64_t gray = 1, rgb = 3, rgba = 4;

/// Whether the extractor measures as another tool does, which reads no transparency.
bool drops_alpha(const FeatureExtractor& extractor) {
  const auto convention = extractor.convention();
  return !convention.empty() && convention != conventions().front().name;
}

/// N x 4 x H x W -> N x 3 x H x W. Bytes are rounded as those of composite() (data/images/raster.h).
at::Tensor on_black(const at::Tensor& images) {
  const auto colours = images.narrow(1, 0, rgb), alpha = images.narrow(1, rgb, 1);
  if (images.is_floating_point()) return colours * alpha / 255;
  return at::div(colours.to(at::kInt) * alpha.to(at::kInt) + 127, 255, "floor").to(images.scalar_type());
}

}  // namespace

std::string shape_text(const ImageShape& shape) {
  return std::to_string(shape.channels) + " x " + std::to_string(shape.height) + " x " + std::to_string(shape.width);
}

void FeatureExtractor::check(const ImageShape& shape, const std::string& where) const {
  const auto wanted = channels();
  if (shape.channels == wanted || (wanted == rgb && (shape.channels == gray || shape.channels == rgba))) return;
  fail(where, "expected images of " + std::to_string(wanted) + (wanted == 1 ? " channel" : " channels") + " for " +
                  name() + ", got " + shape_text(shape) +
                  ". Hint: --features classifier (in a training --set evaluation.features=classifier) trains features "
                  "for such " +
                  "images; files can be read with --set data.channels=" + std::to_string(wanted));
}

at::Tensor in_rgb(const FeatureExtractor& extractor, const at::Tensor& images) {
  if (images.size(1) != rgba) return images.expand({-1, rgb, -1, -1});
  return drops_alpha(extractor) ? images.narrow(1, 0, rgb) : on_black(images);
}

at::Tensor in_channels_of(const FeatureExtractor& extractor, const at::Tensor& images) {
  return extractor.channels() == rgb ? in_rgb(extractor, images) : images;
}

std::string conversion_text(const FeatureExtractor& extractor, int64_t channels) {
  if (extractor.channels() != rgb || channels == rgb) return "";
  if (channels == gray) return "gray images, repeated to three channels for " + extractor.name();
  return "transparent images, " + std::string(drops_alpha(extractor) ? "without their transparency" : "laid on black") +
         " for " + extractor.name();
}

at::Tensor FeatureExtractor::differentiable_features(const at::Tensor&) {
  fail("features", "expected a feature extractor with gradients in the pixels, got " + name() + ", which has none");
}

}  // namespace fqgan
