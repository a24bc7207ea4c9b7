// The table of feature extractors: which there are by name, and how each is opened.
#pragma once

#include <optional>

#include "fqgan/data/opened_data.h"
#include "fqgan/metrics/features.h"

namespace fqgan {

/// What a user asks for.
struct FeatureRequest {
  std::string features = "auto";  // a name of the table, or a file
  std::optional<std::string> weights, convention;
  std::string precision = "float32";  // of pretrained networks: float32 or bfloat16
  bool for_lack_of_labels = false;    // set by resolved(): "auto" found no labels
};

/// Names that are no files: "auto", "classifier", "inception", ...
const std::vector<std::string>& feature_names();
/// For the help: "  inception   the Inception-v3 of FID ..." and so on, a line for each.
std::string feature_help();

/// The request with "auto" replaced: the classifier for images with labels, else EfficientNet-lite0. Errors: UserError
/// for weights, a convention or a precision that would have no effect.
FeatureRequest resolved(FeatureRequest request, bool labelled);

/// Whether to open it may mean to train it first.
bool is_trained_on_labels(const FeatureRequest& request);

/// Opens a saved classifier (.safetensors) or a TorchScript file. Errors: UserError for another file.
std::unique_ptr<FeatureExtractor> open_feature_file(const std::string& path, c10::Device device);

/// Opens a resolved request. `labelled`: labelled images to train the classifier on, or null. Errors: UserError for an
/// unknown name, missing or other weights, or without labelled images where they are needed.
std::unique_ptr<FeatureExtractor> open_features(const FeatureRequest& request, OpenedData* labelled,
                                                c10::Device device);

}  // namespace fqgan
