// From two measured sides to named values: the table of metrics. A value's name is the metric's, the settings that
// differ from its convention, and the extractor's: "fid/classifier-1a2b3c4d", "kid[subset_size=500]/file-5e6f7a8b";
// values of one class end in its name.
#pragma once

#include "fqgan/metrics/inception_score.h"
#include "fqgan/metrics/kernel_distance.h"
#include "fqgan/metrics/measured.h"

namespace fqgan {

/// Settings of the estimators; what differs from the defaults stands in the names of the values.
struct MetricOptions : Options {
  KernelDistanceOptions kid;
  InceptionScoreOptions inception_score;
  void fields(FieldVisitor& visit) override;
};

struct MetricValue {
  std::string name;
  double value = 0;
};
struct Evaluation {
  std::vector<MetricValue> values;
  std::vector<std::string> warnings;  // where a value is biased; a line each
};

/// What can be asked for: fid, kid, is, pr, prdc, accuracy, intra_fid.
struct Metric {
  std::string name;        // as in --metrics
  std::string meaning;     // one line
  std::string value_name;  // its first value: "class_accuracy"
  bool smaller_is_better = false;
  bool needs_images = true;  // false: statistics are enough
  bool needs_labels = false, needs_labels_against = false;
};
const std::vector<Metric>& metrics();
/// Errors: UserError that starts with `where` for an unknown name, with "did you mean".
const Metric& metric_named(const std::string& name, const std::string& where);
/// Whether one of these needs more of a side than its moments.
bool need_images(const std::vector<std::string>& names);

/// What is known of a side before its images are read.
struct SideFacts {
  std::string name;
  bool statistics_only = false;
  std::optional<int64_t> images;
  std::vector<std::string> class_names;  // empty: no labels
  std::optional<ImageShape> shape;
};

/// What can be refused before any work. Errors: UserError (images that the extractor does not take, sides of different
/// sizes; images, labels or enough of them are missing; classes that the extractor does not know).
void check_metrics(const std::vector<std::string>& names, const SideFacts& generated, const SideFacts& against,
                   const FeatureExtractor& extractor, const MetricOptions& options);

/// The values of `names`, in their order. Errors: UserError as check_metrics and the estimators.
Evaluation evaluate(const Measured& generated, const Measured& against, const std::vector<std::string>& names,
                    const FeatureExtractor& extractor, const MetricOptions& options);

/// "fid/classifier-1a2b3c4d": the first value of a metric.
std::string value_name(const Metric& metric, const MetricOptions& options, const std::string& extractor);

}  // namespace fqgan
