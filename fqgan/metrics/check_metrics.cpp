// Refuses metrics that cannot be measured, before any image is measured.
#include <torch/torch.h>

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/frechet.h"
#include "fqgan/metrics/metric_table.h"

namespace fqgan {
namespace {

void require_labels(const Metric& metric, const SideFacts& side) {
  if (side.class_names.empty())
    fail(side.name,
         metric.name +
             " needs images with classes, got none. Hint: use one folder per class and a conditional model, or "
             "leave it out (--metrics; in a recipe evaluation.metrics)");
}

void check_extractor(const SideFacts& side, const FeatureExtractor& extractor) {
  if (!side.extractor.empty() && side.extractor != extractor.name())
    fail(side.name, "expected features of " + extractor.name() + ", got features of " + side.extractor +
                        ". Hint: use the same --features for all images");
  const auto expected = extractor.dimension();
  if (side.dimension && expected && *side.dimension != *expected)
    fail(side.name, "expected statistics of " + std::to_string(*expected) + " features as " + extractor.name() +
                        " has, got " + std::to_string(*side.dimension) +
                        ". Hint: choose the extractor with --features");
}

/// Requires images of one size, because a difference of size would count as a difference of the images.
void check_shapes(const SideFacts& a, const SideFacts& b) {
  if (!a.shape || !b.shape || (a.shape->height == b.shape->height && a.shape->width == b.shape->width)) return;
  fail(b.name, "expected images of one size on both sides, got " + shape_text(*b.shape) + ", and " +
                   shape_text(*a.shape) + " in " + a.name +
                   ". Hint: --set data.resolution=" + std::to_string(std::min(a.shape->height, b.shape->height)));
}

void require_features(const std::string& name, const SideFacts& side, const MetricOptions& options) {
  if (!side.statistics_only) return;
  if (!metric_named(name, "metrics").needs_images)
    fail("bootstrap", "expected images to draw again, but " + side.name +
                          " only has statistics. Hint: leave bootstrap out, or give the images");
  const auto of = options.bootstrap > 0 ? " without bootstrap" : "";
  fail(side.name, name + " needs images, but this file only has statistics for fid" + of +
                      ". Hint: choose fid alone (--metrics fid; in a recipe evaluation.metrics)");
}

void require_training(const std::string& name, const SideFacts* training, const SideFacts& against) {
  if (!training)
    fail(name, "expected the images that the generator was trained on, got none. Hint: --training IMAGES, or leave " +
                   name + " out of --metrics");
  if (training->statistics_only)
    fail(training->name, name + " needs the training images themselves, but this file only has statistics");
  if (name == "c_t" && !training->key.empty() && training->key == against.key)
    fail(name, "expected test images beside the training images, got the same images twice (" + against.name +
                   "). Hint: --against images that were held out of the training, or leave c_t out");
}

void require_steps(const std::string& name, const SideFacts& side) {
  if (!side.has_steps)
    fail(side.name, name + " needs a run or checkpoint whose generator draws images from latents, and this is none. " +
                        "Hint: leave " + name + " out of the metrics");
}

void require_images(const std::string& metric, const SideFacts& side, const Fewest& fewest) {
  if (!side.images || *side.images >= fewest.images) return;
  const auto& setting = fewest.setting;
  std::string hint = "use more images";
  if (const auto half = *side.images / 2; !setting.empty() && half > 1)
    hint += ", --set " + setting + "=" + std::to_string(half) + " (in a recipe evaluation." + setting + ")";
  fail(side.name, "expected at least " + std::to_string(fewest.images) + " images for " + metric +
                      (setting.empty() ? "" : ", as " + setting + " says") + ", got " + std::to_string(*side.images) +
                      ". Hint: " + hint + ", or leave " + metric + " out of the metrics");
}

/// Where the numbers of the classes' images are known before the images are measured.
void require_class_images(const SideFacts& side, const std::vector<std::string>& classes) {
  const auto own = std::ssize(side.class_names);
  const auto places = matched_labels(at::arange(own), side.class_names, classes, side.name).contiguous();
  if (std::ssize(side.class_images) != own) return;
  std::vector<int64_t> images(classes.size());
  for (int64_t k = 0; k < own; ++k) images[places.const_data_ptr<int64_t>()[k]] = side.class_images[k];
  check_class_images(images, classes, side.name);
}

void require_classes(const SideFacts& side, const FeatureExtractor& extractor) {
  const auto classes = classes_of_logits(extractor, extractor.logits(), side.class_names, side.name);
  matched_labels(at::empty({0}, at::kLong), side.class_names, classes, side.name);
}

}  // namespace

void fail_without_logits(const std::string& metric, const FeatureExtractor& extractor) {
  fail(metric, "expected a feature extractor with logits, but " + extractor.name() +
                   " has features only. Hint: --features classifier, or leave " + metric + " out of the metrics");
}

std::vector<std::string> classes_of_logits(const FeatureExtractor& extractor, std::optional<int64_t> logits,
                                           const std::vector<std::string>& of_data, const std::string& data) {
  const auto known = extractor.class_names();
  auto classes = known.empty() ? of_data : known;
  if (logits && *logits != std::ssize(classes))
    fail("accuracy", "expected the " + std::to_string(*logits) + " classes of " + extractor.name() + ", got " +
                         std::to_string(classes.size()) + " in " + data +
                         ". Hint: --features classifier, or leave accuracy out of the metrics");
  return classes;
}

void check_class_images(const std::vector<int64_t>& images, const std::vector<std::string>& classes,
                        const std::string& side) {
  for (size_t k = 0; k < classes.size(); ++k)
    if (images[k] < fewest_for_frechet)
      fail("intra_fid", "expected at least " + std::to_string(fewest_for_frechet) + " images of the class '" +
                            classes[k] + "' in " + side + ", got " + std::to_string(images[k]) +
                            ". Hint: use more images, or leave intra_fid out of the metrics");
}

void check_sides(const std::vector<std::string>& names, const SideFacts& generated, const SideFacts& against,
                 const std::string& convention, const MetricOptions& given, const SideFacts* training) {
  check_convention(names, convention);
  const auto options = under(convention_named(convention, "convention"), given);
  check_shapes(generated, against);
  if (training) check_shapes(generated, *training);
  options.kid.check_kernel();
  if (options.bootstrap == 1) fail("bootstrap", "expected at least 2 (or 0: none), got 1");
  for (const auto& name : names) {
    const auto& row = row_named(name, "metrics");
    const auto& metric = row.metric;
    const auto fewest = row.fewest(options);
    if (needs_images(metric, options)) require_features(name, generated, options);
    if (needs_images(metric, options) && row.compares) require_features(name, against, options);
    if (metric.needs_steps) require_steps(name, generated);
    if (metric.needs_training) require_training(name, training, against);
    require_images(name, generated, fewest.generated);
    if (row.compares) require_images(name, against, fewest.against);
    if (metric.needs_training) require_images(name, *training, fewest.training);
    if (metric.needs_labels) require_labels(metric, generated);
    if (metric.needs_labels_against) require_labels(metric, against);
    if (name != "intra_fid") continue;
    require_class_images(generated, against.class_names);
    require_class_images(against, against.class_names);
  }
}

void check_metrics(const std::vector<std::string>& names, const SideFacts& generated, const SideFacts& against,
                   const FeatureExtractor& extractor, const MetricOptions& options, const SideFacts* training) {
  for (const auto* side : {&generated, &against, training}) {
    if (!side) continue;
    check_extractor(*side, extractor);
    if (side->shape) extractor.check(*side->shape, side->name);
    if (side->mixed_sizes && !extractor.takes_any_size())
      fail(side->name, "expected images of one size for " + extractor.name() +
                           ", got several. Hint: --set data.resolution=64, or --features efficientnet-lite0");
  }
  check_sides(names, generated, against, extractor.convention(), options, training);
  for (const auto& name : names) {
    if (metric_named(name, "metrics").needs_logits && extractor.logits() == 0) fail_without_logits(name, extractor);
    if (name == "accuracy") require_classes(generated, extractor);
  }
}

}  // namespace fqgan
