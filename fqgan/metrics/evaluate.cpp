#include "fqgan/metrics/evaluate.h"

#include <torch/torch.h>

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/core/text.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/metric_table.h"

namespace fqgan {
namespace {

const MetricRow& row_named(const std::string& name, const std::string& where) {
  std::vector<std::string> known;
  for (const auto& row : metric_table()) {
    if (row.metric.name == name) return row;
    known.push_back(row.metric.name);
  }
  fail(where, "expected the name of a metric, got '" + name + "'" +
                  suggestion(name, known, ". Hint: the metrics are " + join(known)));
}

void require_labels(const Metric& metric, const SideFacts& side) {
  if (side.class_names.empty())
    fail(side.name,
         metric.name +
             " needs images with classes, got none. Hint: use one folder per class and a conditional model, or "
             "leave it out (--metrics; in a recipe evaluation.metrics)");
}

void require_convention(const Metric& metric, const FeatureExtractor& extractor) {
  if (extractor.convention().empty()) return;
  const auto& convention = convention_named(extractor.convention(), "convention");
  const auto& has = convention.metrics;
  if (has.empty() || std::find(has.begin(), has.end(), metric.name) != has.end()) return;
  fail("convention", "expected a metric that " + convention.name + " has (" + join(has) + "), got " + metric.name +
                         ". Hint: the convention " + conventions().front().name + " has every metric");
}

void require_subset(const SideFacts& a, const SideFacts& b, const MetricOptions& options) {
  if (options.kid.shrink) return;
  for (const auto* side : {&a, &b})
    if (side->images && *side->images < options.kid.subset_size)
      fail(side->name, "expected at least kid.subset_size = " + std::to_string(options.kid.subset_size) +
                           " images, got " + std::to_string(*side->images) +
                           ". Hint: --set kid.subset_size=" + std::to_string(*side->images) +
                           " or smaller (in a recipe evaluation.kid.subset_size), or leave kid out");
}

void check_extractor(const SideFacts& side, const FeatureExtractor& extractor) {
  if (!side.extractor.empty() && side.extractor != extractor.name())
    fail(side.name, "expected features of " + extractor.name() + ", got features of " + side.extractor +
                        ". Hint: use the same --features for all images");
}

/// Statistics of another tool are taken as features of the extractor if they have as many, which is all that can be
/// checked.
void accept_statistics(const Measured& side, const Measured& other, const FeatureExtractor& extractor,
                       std::vector<std::string>& warnings) {
  std::vector<std::string> unknown;
  if (side.extractor.empty()) {
    const auto own = side.moments.dimension(), expected = other.moments.dimension();
    if (own != expected)
      fail(side.name, "expected statistics of " + std::to_string(expected) + " features as in " + other.name +
                          ", got " + std::to_string(own) + ". Hint: choose the extractor with --features");
    unknown.push_back("does not name its feature extractor, which is taken to be " + extractor.name());
  }
  if (!side.images) unknown.push_back("does not say how many images it has, so that too few of them cause no warning");
  if (!unknown.empty()) warnings.push_back(side.name + " " + join(unknown, "; it "));
}

/// Requires images of one size, because a difference of size would count as a difference of the images.
void check_shapes(const SideFacts& a, const SideFacts& b) {
  if (!a.shape || !b.shape || (a.shape->height == b.shape->height && a.shape->width == b.shape->width)) return;
  fail(b.name, "expected images of one size on both sides, got " + shape_text(*b.shape) + ", and " +
                   shape_text(*a.shape) + " in " + a.name +
                   ". Hint: --set data.resolution=" + std::to_string(std::min(a.shape->height, b.shape->height)));
}

bool needs_images(const Metric& metric, const MetricOptions& options) {
  return metric.needs_images || (metric.bootstraps && options.bootstrap > 0);
}

void require_images(const std::string& name, const SideFacts& side, const MetricOptions& options) {
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

}  // namespace

void MetricOptions::fields(FieldVisitor& visit) {
  visit("kid", kid, about("kernel inception distance"));
  visit("inception_score", inception_score, about("inception score"));
  visit("c_t", c_t, about("test of copying C_T"));
  visit("ppl", ppl, about("perceptual path length"));
  visit("bootstrap", bootstrap,
        about("number of times that the images are drawn again, with replacement, for a standard deviation of fid, "
              "kid, cmmd, accuracy, auth and copied (0: none)")
            .at_least(0));
}

bool same_images(const Measured& a, const Measured& b) {
  const bool may_be = !a.images || !b.images || a.images == b.images;
  if (!may_be || !at::equal(a.moments.mean(), b.moments.mean())) return false;
  const auto is_one = [](const Measured& side) { return side.images && *side.images < 2; };
  return is_one(a) || is_one(b) || at::equal(a.moments.covariance(), b.moments.covariance());
}

const std::vector<Metric>& metrics() {
  static const auto all = [] {
    std::vector<Metric> list;
    for (const auto& row : metric_table()) list.push_back(row.metric);
    return list;
  }();
  return all;
}

const Metric& metric_named(const std::string& name, const std::string& where) { return row_named(name, where).metric; }

bool need_images(const std::vector<std::string>& names, const MetricOptions& options) {
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return needs_images(metric_named(name, "metrics"), options); });
}

bool need_training(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [](const auto& name) { return metric_named(name, "metrics").needs_training; });
}

bool need_steps(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [](const auto& name) { return metric_named(name, "metrics").needs_steps; });
}

bool need_only_steps(const std::vector<std::string>& names) {
  return !names.empty() && std::all_of(names.begin(), names.end(),
                                       [](const auto& name) { return metric_named(name, "metrics").needs_steps; });
}

bool need_logits(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [](const auto& name) { return metric_named(name, "metrics").needs_logits; });
}

bool compare_sides(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](const auto& name) {
    const auto& row = row_named(name, "metrics");
    return row.compares || row.metric.needs_training;
  });
}

bool need_small_images(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [](const auto& name) { return metric_named(name, "metrics").needs_small_images; });
}

std::string value_name(const Metric& metric, const MetricOptions& options, const FeatureExtractor& extractor) {
  return metric.value_name + settings_of(metric, options, extractor.convention()) + "/" + extractor.name();
}

void check_metrics(const std::vector<std::string>& names, const SideFacts& generated, const SideFacts& against,
                   const FeatureExtractor& extractor, const MetricOptions& given, const SideFacts* training) {
  const auto options = under(convention_named(extractor.convention(), "convention"), given);
  for (const auto* side : {&generated, &against, training}) {
    if (!side) continue;
    check_extractor(*side, extractor);
    if (side->shape) extractor.check(*side->shape, side->name);
    if (side->mixed_sizes && !extractor.takes_any_size())
      fail(side->name, "expected images of one size for " + extractor.name() +
                           ", got several. Hint: --set data.resolution=64, or --features efficientnet-lite0");
  }
  check_shapes(generated, against);
  if (training) check_shapes(generated, *training);
  if (options.bootstrap == 1) fail("bootstrap", "expected at least 2 (or 0: none), got 1");
  const auto nothing = at::empty({0}, at::kLong);
  const auto known = extractor.class_names();
  for (const auto& name : names) {
    const auto& metric = metric_named(name, "metrics");
    require_convention(metric, extractor);
    if (needs_images(metric, options)) require_images(name, generated, options);
    if (needs_images(metric, options) && row_named(name, "metrics").compares) require_images(name, against, options);
    if (metric.needs_steps) require_steps(name, generated);
    if (metric.needs_training) require_training(name, training, against);
    if (name == "kid") require_subset(generated, against, options);
    if (metric.needs_labels) require_labels(metric, generated);
    if (metric.needs_labels_against) require_labels(metric, against);
    if (name == "accuracy")
      matched_labels(nothing, generated.class_names, classes_of_logits(known, generated.class_names), generated.name);
    if (name == "intra_fid") matched_labels(nothing, generated.class_names, against.class_names, generated.name);
  }
}

Evaluation evaluate(const Measured& generated, const Measured& against, const std::vector<std::string>& names,
                    const FeatureExtractor& extractor, const MetricOptions& given, const Measured* training) {
  const auto options = under(convention_named(extractor.convention(), "convention"), given);
  const auto facts = [](const Measured& side) {
    SideFacts known{.name = side.name,
                    .statistics_only = !side.features.defined(),
                    .images = side.images,
                    .class_names = side.class_names,
                    .extractor = side.extractor};
    known.has_steps = side.steps.defined();
    return known;
  };
  const auto of_training = training ? facts(*training) : SideFacts();
  check_metrics(names, facts(generated), facts(against), extractor, options, training ? &of_training : nullptr);
  Evaluation result;
  accept_statistics(generated, against, extractor, result.warnings);
  accept_statistics(against, generated, extractor, result.warnings);
  std::vector<std::string> biased;
  bool compares = false;
  for (const auto& name : names) {
    const auto& row = row_named(name, "metrics");
    compares = compares || row.compares;
    row.measure({generated, against, training, extractor, options, result});
    if (row.biased_by_few) biased.push_back(name);
  }
  if (const auto least = least_images(generated, against); least && *least < few_images && !biased.empty())
    result.warnings.push_back("biased because of few images (" + std::to_string(*least) + "): " + join(biased) +
                              "; compare only with values over the same number of images");
  if (compares && same_images(generated, against))
    result.warnings.push_back(
        "both sides hold the same images: this is the best value of each metric that compares them, and says nothing "
        "about the images");
  return result;
}

}  // namespace fqgan
