// The evaluator of a training: its feature extractor and its reference images.
#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/evaluation.h"
#include "fqgan/experiment/path_steps.h"
#include "fqgan/inference/classification.h"

namespace fqgan {
namespace {

constexpr const char *where = "evaluation", *of_classifier = "error";

/// The error with a way to train nevertheless. Without classes, what the error itself hints at may need them.
[[noreturn]] void fail_with_way_out(const UserError& error, const EvaluationOptions& options, bool labelled) {
  const std::string said = error.what();
  if (labelled || (options.features == "auto" && options.metrics == std::vector<std::string>{"fid"}))
    throw UserError(said + "; --set evaluation.every=0 trains without evaluation");
  throw UserError(without_hint(said) +
                  ". Hint: images without classes are measured with --set evaluation.features=auto --set "
                  "'evaluation.metrics=[\"fid\"]'");
}

Side side_against(const Recipe& recipe, std::shared_ptr<OpenedData> opened, const Family& family) {
  const auto& options = recipe.evaluation;
  if (!options.against) {
    const auto domains = domains_of(family, *recipe.model, options.generation.direction);
    return side_of_training_data(std::move(opened), domains.target);
  }
  auto named = look_at_side(*options.against);
  if (named.checkpoint) fail("evaluation.against", "expected images or statistics, got a checkpoint: " + named.path);
  return open_side(std::move(named), fitting_of(recipe.data), {}, {});
}

}  // namespace

TrainingEvaluator::TrainingEvaluator(const Recipe& recipe, std::shared_ptr<OpenedData> opened, const DataInfo& data,
                                     const DatasetsByName& sets, const Family& family)
    : options_(recipe.evaluation), data_(std::move(opened)), device_(family.numerics.device) {
  if (options_.metrics.empty()) fail("evaluation.metrics", "expected at least one metric, got none");
  for (const auto& name : options_.metrics) {
    if (name == of_classifier) continue;
    metric_named(name, "evaluation.metrics");
    of_images_.push_back(name);
  }
  if (const auto& best = options_.keep_best) {
    if (best != of_classifier) metric_named(*best, "evaluation.keep_best");
    if (std::find(options_.metrics.begin(), options_.metrics.end(), *best) == options_.metrics.end())
      fail("evaluation.keep_best",
           "expected one of evaluation.metrics, got '" + *best + "'" + suggestion(*best, options_.metrics));
  }
  if (of_images_.size() < options_.metrics.size()) {
    if (!family.classifier)
      fail("evaluation.metrics",
           "'error' needs a family with a classifier, and this one has none. Hint: "
           "'accuracy' measures whether generated images show their class");
    test_ = data_->test();
    if (!test_) fail("evaluation.metrics", "'error' needs test images, and the data has none. Hint: set data.held_out");
    if (test_->info().unlabelled == test_->info().images)
      fail("evaluation.metrics", "'error' needs images with labels to test with; none of the " +
                                     std::to_string(test_->info().images) +
                                     " has one. Hint: data.held_out_per_class = true");
  }
  if (!of_images_.empty()) open_images(recipe, data, sets, family);
}

void TrainingEvaluator::open_images(const Recipe& recipe, const DataInfo& data, const DatasetsByName& sets,
                                    const Family& family) {
  if (const auto& translator = family.translator) {
    source_ = sets.at(direction_named(*translator, options_.generation.direction).source);
    options_.count = std::min(options_.count, source_->info().images);
  }
  generated_ = {"generated images", false, options_.count, {}, shape_of(data)};
  if (family.drawn_classes() > 0) {
    generated_.class_names = data.class_names;
    if (!source_) generated_.class_images = images_of_classes(family, options_.count);
  }
  generated_.has_steps = family.generator.has_value();
  against_ = side_against(recipe, data_, family);
  if (need_training(of_images_))
    training_ = side_of_training_images(data_, domains_of(family, *recipe.model, options_.generation.direction).target);
  labelled_ = may_have_labels(data, data_->options());
  request_ = resolved(options_.feature_request(), labelled_);
  check();
  if (is_trained_on_labels(request_)) {
    if (!labelled_)
      fail_with_way_out(
          UserError("[evaluation.features] a classifier needs data with labels of at least two classes, and this has "
                    "none"),
          options_, labelled_);
    return;  // prepare() opens it
  }
  extractor_ = open_features(request_, nullptr, device_);
  check();
}

void TrainingEvaluator::check() try {
  const auto* training = training_ ? &training_->facts : nullptr;
  if (!extractor_)
    return check_sides(of_images_, generated_, against_.facts, request_.convention.value_or(""), options_.settings,
                       training);
  check_metrics(of_images_, generated_, against_.facts, *extractor_, options_.settings, training);
} catch (const UserError& error) {
  fail_with_way_out(error, options_, labelled_);
}

void TrainingEvaluator::prepare() {
  if (test_)
    log_info("evaluation: the error of the averaged classifier over " + std::to_string(test_->info().images) +
             " images of the test split");
  if (of_images_.empty()) return;
  if (!extractor_) {
    extractor_ = open_features(request_, data_.get(), device_);
    check();
  }
  log_info("evaluation against " + against_.facts.name + " with " + extractor_->name() + ": " +
           extractor_->description());
  const auto kept = kept_of_real(of_images_, options_.settings);
  measured_ = against_.measure(*extractor_, kept);
  if (training_) learned_ = training_->measure(*extractor_, kept);
}

Evaluation TrainingEvaluator::measure(Family& family) const {
  auto evaluation = of_images_.empty() ? Evaluation{} : measure_images(family);
  if (test_) {
    const auto found = classify_all({&family}, *test_);
    evaluation.values.push_back(
        {value_name(of_classifier),
         static_cast<double>(found.wrong()) / static_cast<double>(std::max<int64_t>(found.labelled(), 1))});
  }
  return evaluation;
}

Evaluation TrainingEvaluator::measure_images(Family& family) const {
  auto sampling = options_.generation.sampling(static_cast<uint64_t>(options_.seed));
  sampling.source = source_;
  const auto images = generated_images(family, sampling, options_.count);
  const auto kept = kept_of_generated(of_images_, options_.settings);
  MeasureOptions measuring{generated_.name, generated_.class_names, kept.features, kept.logits, kept.small};
  measuring.progress = [&](int64_t done) {
    log_status("evaluation: " + std::to_string(done) + "/" + std::to_string(options_.count) + " images");
  };
  auto generated = fqgan::measure(*images, *extractor_, measuring);
  log_status("");
  if (need_steps(of_images_))
    generated.steps = measured_steps(family, sampling, options_.count, *extractor_, options_.settings.ppl);
  return evaluate(generated, measured_, of_images_, *extractor_, options_.settings, learned_ ? &*learned_ : nullptr);
}

std::string TrainingEvaluator::value_name(const std::string& metric) const {
  if (metric == of_classifier) return of_classifier + std::string("/test");
  return fqgan::value_name(metric_named(metric, where), options_.settings, *extractor_);
}

std::pair<int64_t, std::optional<int64_t>> TrainingEvaluator::counts() const {
  if (of_images_.empty()) return {0, test_->info().images};
  return {options_.count, against_.facts.images};
}

std::string TrainingEvaluator::scope() const {
  const auto [generated, against] = counts();
  if (of_images_.empty()) return images_text(against);
  return std::to_string(generated) + " images against " + count_text(against);
}

bool TrainingEvaluator::smaller_is_better(const std::string& metric) const {
  return metric == of_classifier || metric_named(metric, where).smaller_is_better;
}

}  // namespace fqgan
