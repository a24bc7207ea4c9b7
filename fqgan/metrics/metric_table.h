// The table of metrics: the description and the function of each. Internal to evaluate.
#pragma once

#include <algorithm>

#include "fqgan/core/options.h"
#include "fqgan/core/text.h"
#include "fqgan/metrics/bootstrap.h"
#include "fqgan/metrics/evaluate.h"

namespace fqgan {

/// With fewer images the bias of FID and similar metrics is larger than most differences.
inline constexpr int64_t few_images = 10'000;

/// The input of a metric, and its result.
struct MetricWork {
  const Measured& a;         // generated
  const Measured& b;         // against
  const Measured* training;  // set for metrics that need it
  const FeatureExtractor& extractor;
  const MetricOptions& options;
  Evaluation& result;
  std::string of = extractor.name();  // what the values are computed from, for their names

  /// Errors: UserError for a value that is not finite.
  void add(const std::string& metric, double value, const std::string& of_class = "") const;
  /// Adds the standard deviation of a value over images that are drawn again, if the options ask for it.
  void add_bootstrap(const std::string& metric, const ValueOfResample& value) const {
    if (options.bootstrap > 0)
      add(metric, bootstrap_std(options.bootstrap, a.features.size(0), b.features.size(0), value));
  }
  void warn(const std::string& line) const { result.warnings.push_back(line); }
};

/// The smaller number of images, of the sides whose number is known.
std::optional<int64_t> least_images(const Measured& a, const Measured& b);

/// The fewest images of a side that a metric can be measured on, and the setting that says so: "kid.subset_size".
struct Fewest {
  int64_t images = 1;
  std::string setting = "";  // "": none
};
struct FewestOfSides {
  Fewest generated, against, training;
};

struct MetricRow {
  Metric metric;
  bool biased_by_few;  // evaluate() warns below few_images
  void (*measure)(const MetricWork&);
  FewestOfSides (*fewest)(const MetricOptions&);
  bool compares = true;  // the two sides; false: it only measures the generated images
};
const std::vector<MetricRow>& metric_table();
/// Errors: as metric_named.
const MetricRow& row_named(const std::string& name, const std::string& where);

/// Whether a metric needs the features of single images, and not only their moments.
bool needs_images(const Metric& metric, const MetricOptions& options);

/// Whether both hold the same images.
bool same_images(const Measured& a, const Measured& b);

/// The metrics of fqgan/metrics/copying_metrics.cpp.
void measure_authenticity(const MetricWork& work);
void measure_copy_test(const MetricWork& work);
void measure_copied(const MetricWork& work);

/// Those of `options` that differ from the defaults: "[subset_size=500]"; empty for none.
template <class T>
std::string changed_settings(T options, T defaults) {
  std::vector<std::string> parts;
  const auto changed = changed_fields(defaults, options);
  for (const auto& field : describe_options(options))
    if (std::find(changed.begin(), changed.end(), field.key) != changed.end())
      parts.push_back(field.key + "=" + field.value);
  auto text = join(parts, ",");
  std::erase(text, '"');
  return text.empty() ? "" : "[" + text + "]";
}

/// The settings of a metric that differ from the defaults of the convention: "[subset_size=500]"; empty for these.
std::string settings_of(const Metric& metric, const MetricOptions& options, const std::string& convention);

/// Errors: UserError for an extractor that has no logits, or none for `metric`.
[[noreturn]] void fail_without_logits(const std::string& metric, const FeatureExtractor& extractor);

/// The classes of `logits` logits: those that the extractor knows, else (for logits without names) the classes of the
/// data. logits: unset if their number is not known yet. Errors: UserError for another number of classes.
std::vector<std::string> classes_of_logits(const FeatureExtractor& extractor, std::optional<int64_t> logits,
                                           const std::vector<std::string>& of_data, const std::string& data);

/// Errors: UserError for a class with too few images for a Frechet distance. images: of each class.
void check_class_images(const std::vector<int64_t>& images, const std::vector<std::string>& classes,
                        const std::string& side);

}  // namespace fqgan
