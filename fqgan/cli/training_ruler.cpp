// The ruler of a training: what it measures with, and what against.
#include <algorithm>

#include "fqgan/cli/evaluation.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/metrics/classifier_training.h"

namespace fqgan {
namespace {

constexpr const char* where = "evaluation";

Side side_against(const Recipe& recipe) {
  const auto& options = recipe.evaluation;
  if (!options.against) return side_of_training_data(recipe.data);
  auto named = look_at_side(*options.against);
  if (named.checkpoint) fail("evaluation.against", "expected images or statistics, got a checkpoint: " + named.path);
  return open_side(std::move(named), fitting_of(recipe.data), 0, 0, {});
}

}  // namespace

TrainingRuler::TrainingRuler(const Recipe& recipe, const DataInfo& data, const Family& family)
    : options_(recipe.evaluation), data_(recipe.data), device_(family.numerics.device) {
  if (options_.metrics.empty()) fail("evaluation.metrics", "expected at least one metric, got none");
  for (const auto& name : options_.metrics) metric_named(name, "evaluation.metrics");
  if (const auto& best = options_.keep_best) {
    metric_named(*best, "evaluation.keep_best");
    if (std::find(options_.metrics.begin(), options_.metrics.end(), *best) == options_.metrics.end())
      fail("evaluation.keep_best", "'" + *best + "' is not among evaluation.metrics");
  }
  generated_ = {"generated images", false, options_.count, {}, ImageShape{data.channels, data.height, data.width}};
  if (family.classes > 0) generated_.class_names = data.class_names;
  against_ = side_against(recipe);
  if (options_.features != "classifier") {
    extractor_ = open_features(options_.features, device_);
    check();
  } else if (data.classes < 2 && data_.labels) {
    fail("evaluation.features",
         "a classifier needs data with labels of at least two classes. Hint: a TorchScript file; "
         "--set evaluation.every=0 trains without measuring");
  }
}

void TrainingRuler::check() try {
  check_metrics(options_.metrics, generated_, against_.facts, *extractor_, options_.settings);
} catch (const UserError& error) {
  throw UserError(std::string(error.what()) + "; --set evaluation.every=0 trains without measuring");
}

void TrainingRuler::prepare() {
  if (!extractor_) {
    extractor_ = cached_classifier(data_, device_);
    check();
  }
  log_info("evaluation against " + against_.facts.name + " with " + extractor_->name() + ": " +
           extractor_->description());
  measured_ = against_.measure(*extractor_, need_images(options_.metrics));
}

Evaluation TrainingRuler::measure(Family& family) const {
  const auto images = generated_images(family, options_.count, static_cast<uint64_t>(options_.seed));
  MeasureOptions measuring{generated_.name, generated_.class_names, need_images(options_.metrics)};
  measuring.progress = [&](int64_t done) {
    log_status("evaluation: " + std::to_string(done) + "/" + std::to_string(options_.count) + " images");
  };
  const auto generated = fqgan::measure(*images, *extractor_, measuring);
  log_status("");
  return evaluate(generated, measured_, options_.metrics, *extractor_, options_.settings);
}

std::string TrainingRuler::figure(const std::string& metric) const {
  return figure_name(metric_named(metric, where), options_.settings, extractor_->name());
}

}  // namespace fqgan
