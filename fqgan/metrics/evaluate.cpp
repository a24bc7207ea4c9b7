#include "fqgan/metrics/evaluate.h"

#include <torch/torch.h>

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/core/text.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/metric_table.h"

namespace fqgan {
namespace {

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

/// biased: metrics that change with the number of images.
void warn_of_few_images(const Measured& generated, const Measured& against, const std::vector<std::string>& biased,
                        std::vector<std::string>& warnings) {
  const auto least = least_images(generated, against);
  if (!least || *least >= few_images || biased.empty()) return;
  auto line = "biased because of few images (" + std::to_string(*least) + "): " + join(biased) +
              "; compare only with values over the same number of images";
  const auto width = generated.moments.dimension();
  if (*least <= width && std::find(biased.begin(), biased.end(), "fid") != biased.end())
    line += ". fid most of all: they do not determine the covariance of " + std::to_string(width) + " features";
  warnings.push_back(line);
}

/// Whether one of these metrics has this property.
bool any_has(bool Metric::*property, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return metric_named(name, "metrics").*property; });
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
            .at_least(0)
            .at_most(10'000));
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

bool needs_images(const Metric& metric, const MetricOptions& options) {
  return metric.needs_images || (metric.bootstraps && options.bootstrap > 0);
}

bool need_images(const std::vector<std::string>& names, const MetricOptions& options) {
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return needs_images(metric_named(name, "metrics"), options); });
}

bool need_training(const std::vector<std::string>& names) { return any_has(&Metric::needs_training, names); }

bool need_steps(const std::vector<std::string>& names) { return any_has(&Metric::needs_steps, names); }

bool need_only_steps(const std::vector<std::string>& names) {
  return !names.empty() && std::all_of(names.begin(), names.end(),
                                       [](const auto& name) { return metric_named(name, "metrics").needs_steps; });
}

bool need_logits(const std::vector<std::string>& names) { return any_has(&Metric::needs_logits, names); }

bool compare_sides(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](const auto& name) {
    const auto& row = row_named(name, "metrics");
    return row.compares || row.metric.needs_training;
  });
}

bool need_small_images(const std::vector<std::string>& names) { return any_has(&Metric::needs_small_images, names); }

std::string value_name(const Metric& metric, const MetricOptions& options, const FeatureExtractor& extractor) {
  return metric.value_name + settings_of(metric, options, extractor.convention()) + "/" + extractor.name();
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
  warn_of_few_images(generated, against, biased, result.warnings);
  if (compares && same_images(generated, against))
    result.warnings.push_back(
        "both sides have equal features, as the same images have: this is the best value of each metric that compares "
        "them, and says nothing about the images");
  return result;
}

}  // namespace fqgan
