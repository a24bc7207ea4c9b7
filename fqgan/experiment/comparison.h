// Images or saved statistics against others, without models: what fqgan.metrics measures in Python. `fqgan evaluate`
// adds runs, checkpoints and the training images.
#pragma once

#include "fqgan/experiment/evaluation_side.h"
#include "fqgan/metrics/feature_table.h"

namespace fqgan {

/// `data` as images are read that are measured: an unreadable one is an error, because a skipped image changes the
/// metrics, and transparent ones are read as the tool of the convention does.
DataOptions measured_data(DataOptions data, const FeatureRequest& request);

/// The extractor between two sides; b: null if there is none. Between two saved statistics nothing is extracted: unless
/// features are requested, they are those of the files. labelled: as for open_features. Errors: as open_features.
std::unique_ptr<FeatureExtractor> open_features_between(const Side& a, const Side* b,
                                                        const std::optional<FeatureRequest>& request,
                                                        OpenedData* labelled, torch::Device device);

/// Two sides by their paths: folders, zips, data sets, saved statistics.
struct Comparison {
  std::string generated;
  std::optional<std::string> against;  // unset: only for metrics of one side
  std::vector<std::string> metrics;
  std::optional<FeatureRequest> features;  // unset: efficientnet-lite0
  MetricOptions settings;
};
/// Errors: UserError for other paths, and as check_metrics and measure.
Evaluation compare(const Comparison& comparison, const Numerics& numerics);

}  // namespace fqgan
