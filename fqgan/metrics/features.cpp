#include "fqgan/metrics/features.h"

#include "fqgan/core/error.h"

namespace fqgan {

std::string shape_text(const ImageShape& shape) {
  return std::to_string(shape.channels) + " x " + std::to_string(shape.height) + " x " + std::to_string(shape.width);
}

void FeatureExtractor::check(const ImageShape& shape, const std::string& where) const {
  const auto wanted = channels();
  if (shape.channels == wanted || (shape.channels == 1 && wanted == 3)) return;
  fail(where, "expected images of " + std::to_string(wanted) + (wanted == 1 ? " channel" : " channels") + " for " +
                  name() + ", got " + shape_text(shape) +
                  ". Hint: --features classifier (in a training --set evaluation.features=classifier) trains features "
                  "for such " +
                  "images; files can be read with --set data.channels=" + std::to_string(wanted));
}

at::Tensor FeatureExtractor::differentiable_features(const at::Tensor&) {
  fail("features", "expected a feature extractor with gradients in the pixels, got " + name() + ", which has none");
}

}  // namespace fqgan
