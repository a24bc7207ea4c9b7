#include "fqgan/metrics/features.h"

#include <filesystem>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/metrics/classifier.h"
#include "fqgan/metrics/torchscript.h"

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

std::unique_ptr<FeatureExtractor> open_features(const std::string& path, c10::Device device) {
  if (!std::filesystem::is_regular_file(path))
    fail("features",
         "expected a file, found none at '" + path + "'" +
             suggestion(std::filesystem::path(path).filename().string(), {"classifier"},
                        ". Hint: use 'classifier', a saved classifier (extractors/*.safetensors) or a TorchScript "
                        "file; relative paths start at the working folder"));
  if (path.ends_with(".safetensors")) return load_classifier(path, device);
  return open_torchscript(path, device);
}

}  // namespace fqgan
