// Computes metrics of measured images: generated ones, the ones that they are compared with, and for metrics about
// copies the ones that the generator was trained on. The name of a value has the metric, its settings that differ from
// the convention, and the feature extractor: "fid/classifier-1a2b3c4d", "kid[subset_size=500]/file-5e6f7a8b". Values of
// one class end with its name.
#pragma once

#include "fqgan/metrics/copies.h"
#include "fqgan/metrics/copy_test.h"
#include "fqgan/metrics/inception_score.h"
#include "fqgan/metrics/kernel_distance.h"
#include "fqgan/metrics/measured.h"
#include "fqgan/metrics/path_length.h"

namespace fqgan {

/// Settings of the estimators; those that differ from the defaults are part of the values' names.
struct MetricOptions : Options {
  KernelDistanceOptions kid;
  InceptionScoreOptions inception_score;
  CopyTestOptions c_t;
  PathLengthOptions ppl;
  int64_t bootstrap = 0;
  void fields(FieldVisitor& visit) override;
};

struct MetricValue {
  std::string name;
  double value = 0;
};
struct Evaluation {
  std::vector<MetricValue> values;
  std::vector<std::string> warnings;  // about biased values, one line each
  std::optional<Copies> copies;       // of the metric copied
};

/// A metric: fid, kid, is, pr, prdc, accuracy, intra_fid, cmmd, fid_infinity, auth, c_t, copied, ppl.
struct Metric {
  std::string name;        // as in --metrics
  std::string meaning;     // one line
  std::string value_name;  // name of its first value: "class_accuracy"
  std::string settings;    // its table in MetricOptions; "": none
  bool smaller_is_better = false;
  bool needs_images = true;  // false: saved statistics suffice
  bool needs_logits = false;
  bool needs_small_images = false;  // Measured::small
  bool needs_labels = false, needs_labels_against = false;
  bool needs_training = false;  // the images that the generator was trained on
  bool needs_steps = false;     // Measured::steps; the images of a side are not needed
  bool bootstraps = false;      // MetricOptions::bootstrap adds a standard deviation
};
const std::vector<Metric>& metrics();
/// Errors: UserError that starts with `where` for an unknown name, with "did you mean".
const Metric& metric_named(const std::string& name, const std::string& where);
/// Whether one of these metrics needs more than the moments of a side.
bool need_images(const std::vector<std::string>& names, const MetricOptions& options);
/// Whether one of these metrics needs the training images.
bool need_training(const std::vector<std::string>& names);
/// Whether one of these metrics needs the second side.
bool compare_sides(const std::vector<std::string>& names);
/// Whether one of these metrics needs Measured::steps of the generated side.
bool need_steps(const std::vector<std::string>& names);
/// Whether these metrics need nothing else of the generated side.
bool need_only_steps(const std::vector<std::string>& names);
bool need_logits(const std::vector<std::string>& names);
bool need_small_images(const std::vector<std::string>& names);

/// Facts about a side before its images are read.
struct SideFacts {
  std::string name;
  bool statistics_only = false;
  std::optional<int64_t> images;
  std::vector<std::string> class_names;  // empty: no labels
  std::optional<ImageShape> shape;
  std::string key;                    // Dataset::key(); "": unknown
  std::string extractor;              // of measured features; "": unknown, or not measured yet
  bool has_steps = false;             // whether a generator draws these images from latents
  bool mixed_sizes = false;           // images of several sizes, without `shape`
  std::optional<int64_t> dimension;   // of saved statistics
  std::vector<int64_t> class_images;  // the number of images of each class; empty: unknown
};

/// Refuses impossible metrics before any work. training: null if there are none. Errors: UserError (images that the
/// extractor does not take, saved statistics of another extractor or width, sides of different sizes, too few images,
/// missing images, labels, logits or latents, classes that the extractor does not know, classes of too few images).
void check_metrics(const std::vector<std::string>& names, const SideFacts& generated, const SideFacts& against,
                   const FeatureExtractor& extractor, const MetricOptions& options,
                   const SideFacts* training = nullptr);

/// The part of check_metrics that needs no extractor, because weights may have to be brought or trained first. Also
/// refuses metrics that the tool of the convention does not have.
void check_sides(const std::vector<std::string>& names, const SideFacts& generated, const SideFacts& against,
                 const std::string& convention, const MetricOptions& options, const SideFacts* training = nullptr);

/// Computes the metrics `names`, in their order. Errors: UserError as check_metrics and the estimators.
Evaluation evaluate(const Measured& generated, const Measured& against, const std::vector<std::string>& names,
                    const FeatureExtractor& extractor, const MetricOptions& options,
                    const Measured* training = nullptr);

/// The full name of a metric's first value: "fid/classifier-1a2b3c4d".
std::string value_name(const Metric& metric, const MetricOptions& options, const FeatureExtractor& extractor);

}  // namespace fqgan
