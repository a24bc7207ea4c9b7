// The table of metrics: the description and the function of each. Internal to evaluate.
#pragma once

#include "fqgan/metrics/evaluate.h"

namespace fqgan {

/// With fewer images the bias of FID and similar metrics is larger than most differences.
inline constexpr int64_t few_images = 10'000;

/// The input of a metric, and its result.
struct MetricWork {
  const Measured& a;  // generated
  const Measured& b;  // against
  const FeatureExtractor& extractor;
  const MetricOptions& options;
  Evaluation& result;

  void add(const std::string& metric, double value, const std::string& of_class = "") const {
    result.values.push_back({metric + "/" + extractor.name() + (of_class.empty() ? "" : "/" + of_class), value});
  }
  void warn(const std::string& line) const { result.warnings.push_back(line); }
};

/// The smaller number of images, of the sides whose number is known.
std::optional<int64_t> least_images(const Measured& a, const Measured& b);

struct MetricRow {
  Metric metric;
  bool biased_by_few;  // evaluate() warns below few_images
  void (*measure)(const MetricWork&);
  bool compares = true;  // the two sides; false: it only measures the generated images
};
const std::vector<MetricRow>& metric_table();

/// The settings of a metric that differ from the defaults of the convention: "[subset_size=500]"; empty for these.
std::string settings_of(const Metric& metric, const MetricOptions& options, const std::string& convention);

/// The classes of a classifier's logits: `known` to it, else (for logits without names) the classes of the data.
const std::vector<std::string>& classes_of_logits(const std::vector<std::string>& known,
                                                  const std::vector<std::string>& of_data);

}  // namespace fqgan
