#include "fqgan/metrics/feature_table.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/data/store/pixel_cache.h"
#include "fqgan/metrics/classifier_training.h"
#include "fqgan/metrics/pretrained_features.h"
#include "fqgan/metrics/torchscript.h"
#include "fqgan/pretrained/inception.h"

namespace fqgan {
namespace {

constexpr const char *automatic = "auto", *trained = "classifier", *without_labels = "efficientnet-lite0";

/// A network with pretrained weights. Several rows may share one file of weights.
struct Row {
  std::string name, weights, meaning;
  bool has_conventions;
  std::function<std::unique_ptr<FeatureExtractor>(const Convention&, const NetworkPlace&)> open;
};

const std::vector<Row>& rows() {
  static const auto all = [] {
    std::vector<Row> list;
    for (const auto tap : inception_taps) {
      const auto features = std::to_string(tap) + " features";
      list.push_back({tap == 2048 ? "inception" : "inception-" + std::to_string(tap), "inception",
                      tap == 2048 ? "the Inception-v3 of FID, " + features + " (under --convention)"
                                  : "its " + features + " from an earlier layer",
                      true, [tap](const Convention& convention, const NetworkPlace& place) {
                        return open_inception(tap, convention, place);
                      }});
    }
    for (const auto& size : efficientnet_lite_sizes())
      list.push_back(
          {size.name, size.name, "a classifier of ImageNet, 1280 features", false,
           [&size](const Convention&, const NetworkPlace& place) { return open_efficientnet_lite(size, place); }});
    return list;
  }();
  return all;
}

const Row* row_named(const std::string& name) {
  const auto found = std::find_if(rows().begin(), rows().end(), [&](const Row& row) { return row.name == name; });
  return found == rows().end() ? nullptr : &*found;
}

std::string weights_of(const Row& row, const FeatureRequest& request) {
  const auto bring = "python -m fqgan.pretrained " + row.weights;
  if (request.weights) {
    if (!request.weights->ends_with(".safetensors"))
      fail("weights", "expected a .safetensors file, got '" + *request.weights + "'. Hint: " + bring + " FILE --out " +
                          row.weights + ".safetensors makes one of a .pth file");
    if (std::filesystem::is_regular_file(*request.weights)) return *request.weights;
    fail("weights", "expected a safetensors file with the weights of " + row.weights + ", found none at '" +
                        *request.weights + "'. Hint: " + bring + " makes one");
  }
  const auto cache = cache_folder();
  const auto path = cache ? *cache / "features" / (row.weights + ".safetensors") : std::filesystem::path();
  if (cache && std::filesystem::is_regular_file(path)) return path;
  fail("features", std::string("expected ") +
                       (request.for_lack_of_labels ? "labelled images for a classifier, or " : "") + "the weights of " +
                       row.name + (cache ? " in " + path.string() : "") + ", found none. Hint: " + bring +
                       (row.weights == "inception" ? " FILE.pth takes them from a file (docs/metrics.md)"
                                                   : " brings them (PYTHONPATH=python in a checkout)") +
                       "; or --weights FILE, or other --features");
}

}  // namespace

const std::vector<std::string>& feature_names() {
  static const auto names = [] {
    std::vector<std::string> list = {automatic, trained};
    for (const auto& row : rows()) list.push_back(row.name);
    return list;
  }();
  return names;
}

std::string feature_help() {
  const auto line = [](const std::string& name, const std::string& meaning) {
    return "  " + name + std::string(20 - name.size(), ' ') + meaning + "\n";
  };
  std::string lines = line(automatic, "classifier for images with labels, else efficientnet-lite0") +
                      line(trained, "a small network that is trained on the labels of the data");
  for (const auto& row : rows()) lines += line(row.name, row.meaning);
  return lines + line("FILE", "a saved classifier (.safetensors) or a TorchScript file");
}

std::unique_ptr<FeatureExtractor> open_feature_file(const std::string& path, c10::Device device) {
  if (!std::filesystem::is_regular_file(path))
    fail("features", "expected a feature extractor or a file, found none named '" + path + "'" +
                         suggestion(std::filesystem::path(path).filename().string(), feature_names(),
                                    ". Hint: " + join(feature_names()) +
                                        ", a saved classifier (extractors/*.safetensors) or a TorchScript file; "
                                        "relative paths start at the working folder"));
  if (path.ends_with(".safetensors")) return load_classifier(path, device);
  return open_torchscript(path, device);
}

FeatureRequest resolved(FeatureRequest request, bool labelled) {
  if (request.features == automatic) {
    request.features = labelled ? trained : without_labels;
    request.for_lack_of_labels = !labelled;
  }
  const auto* row = row_named(request.features);
  const auto refuse = [&](const std::string& option) {
    fail(option, "expected features of a pretrained network, got " + request.features +
                     ", so that this has no effect. Hint: --features inception");
  };
  if (request.weights && !row) refuse("weights");
  if (request.convention) {
    if (request.convention->empty())
      fail("convention", "expected one of " + join(convention_names()) + ", got nothing");
    convention_named(*request.convention, "convention");
    if (!row || !row->has_conventions)
      fail("convention", "expected the features inception, which other tools use, got " + request.features +
                             ", so that this has no effect. Hint: --features inception");
  }
  if (request.precision != "float32" && !row) refuse("feature_precision");
  return request;
}

bool is_trained_on_labels(const FeatureRequest& request) { return request.features == trained; }

std::unique_ptr<FeatureExtractor> open_features(const FeatureRequest& request, OpenedData* labelled,
                                                c10::Device device) {
  if (const auto* row = row_named(request.features)) {
    const auto type = request.precision == "bfloat16" ? at::kBFloat16 : at::kFloat;
    return row->open(convention_named(request.convention.value_or(""), "convention"),
                     {weights_of(*row, request), device, type});
  }
  if (request.features != trained) return open_feature_file(request.features, device);
  if (!labelled)
    fail("features",
         "expected labelled images to train a classifier, but there are none. Hint: use other features, such as "
         "efficientnet-lite0");
  return cached_classifier(*labelled, device);
}

}  // namespace fqgan
