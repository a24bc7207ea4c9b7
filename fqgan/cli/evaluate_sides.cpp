#include "fqgan/cli/evaluate_sides.h"

#include <algorithm>

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/comparison.h"
#include "fqgan/inference/truncation.h"

namespace fqgan {
namespace {

/// The options of --set: for reading images (`data` everywhere, `against` and `training` for these) and for the
/// estimators.
struct EvaluateOptions : Options {
  DataOptions data, against, training;
  MetricOptions settings;
  void fields(FieldVisitor& visit) override {
    visit("data", data, about("options for the images of all sides"));
    visit("against", against, about("options for the images of the second side, if they differ"));
    visit("training", training, about("options for the training images, if they differ"));
    settings.fields(visit);
  }
};

/// Whether this is a table of settings for one metric that is not measured.
bool is_for_other_metric(const std::string& table, const std::vector<std::string>& measured) {
  const auto& all = metrics();
  const auto of = std::find_if(all.begin(), all.end(), [&](const auto& metric) { return metric.settings == table; });
  return of != all.end() && std::find(measured.begin(), measured.end(), of->name) == measured.end();
}

EvaluateOptions read_settings(const EvaluateFlags& flags, const NamedSides& named) {
  const auto& set = flags.set;
  EvaluateOptions options;
  const auto* recipe = named.a.recipe ? named.a.recipe.get() : named.b ? named.b->recipe.get() : nullptr;
  if (recipe) options.data = fitting_of(recipe->data);
  const auto* model = named.a.checkpoint ? &named.a : named.b && named.b->checkpoint ? &*named.b : nullptr;
  if (model) {  // images that are read get the size and channels of those that are generated
    const auto trained = data_of_checkpoint(model->checkpoint->checkpoint, model->checkpoint->path);
    const auto& info = main_info(trained);
    options.data.channels = info.channels;
    options.data.resolution = info.height;
    options.data.width = info.width;
  }
  if (named.a.recipe) options.settings = named.a.recipe->evaluation.settings;
  options.data = measured_data(options.data, flags.features);
  options.against = options.data;
  options.against.strict = !named.b_of_recipe;  // as its training reads them
  options.training = options.data;
  RecipeText text;
  for (const auto& assignment : set)
    if (assigned_key(assignment).starts_with("data."))
      for (const std::string table : {"against", "training"})
        text.set(table + assignment.substr(assignment.find("data.") + 4));
  for (const auto& assignment : set) text.set(assignment);
  read_options(text, options);
  return options;
}

}  // namespace

NamedSides look_at_sides(const EvaluateFlags& flags) {
  NamedSides named{look_at_side(flags.path), std::nullopt};
  auto against = flags.against;
  if (against.empty() && flags.save_statistics.empty() && named.a.recipe)
    against = named.a.recipe->evaluation.against.value_or("");
  named.b_of_recipe = flags.against.empty();
  if (!against.empty()) named.b = look_at_side(against);
  if (!flags.training.empty()) named.training = look_at_side(flags.training);
  if (named.training && named.training->checkpoint)
    fail("--training",
         "expected the images that the generator was trained on, got a run or checkpoint. Hint: give their path");
  return named;
}

void refuse_ignored(const EvaluateFlags& flags, const NamedSides& named) {
  for (const auto* flag : {"--count", "--seed", "--truncation", "--raw", "--source", "--direction", "--precision"})
    if (flags.given(flag) && !named.generates())
      fail(flag, "expected a run or checkpoint, which generates images; got none, so that this has no effect");
  if (flags.given("--seeds") && !named.a.checkpoint)
    fail("--seeds", "expected a run or checkpoint as the first side, got images, so that this has no effect");
  if (flags.given("--seeds") && !flags.save_statistics.empty())
    fail("--seeds", "expected it without --save-statistics, which writes one set of images");
  for (const auto* flag : {"--metrics", "--json", "--training", "--neighbours"})
    if (flags.given(flag) && !named.b && !flags.save_statistics.empty())
      fail(flag, "expected --against, without which --save-statistics measures nothing, so that this has no effect");
  const bool second = named.b && NamedSides::reads_images(*named.b);
  const bool third = named.training && NamedSides::reads_images(*named.training);
  const bool some = second || third || NamedSides::reads_images(named.a);
  for (const auto& assignment : flags.set) {
    const auto key = assigned_key(assignment);
    const bool data = key.starts_with("data."), against = key.starts_with("against.");
    const bool training = key.starts_with("training.");
    const auto name = key.substr(key.find('.') + 1);
    if (!data && !against && !training) continue;
    if (name == "path")
      fail(key, "has no effect here. Hint: give the images as arguments: " +
                    command_line({"evaluate", "A", "--against", "B"}));
    if (name == "flip" || name == "crop_margin") fail(key, "augmentation belongs to a training and has no effect here");
    if (data ? !some : against ? !second : !third)
      fail(key,
           std::string("expected images to read") +
               (data      ? ""
                : against ? " as --against"
                          : " as --training") +
               ", got none, so that this has no effect. Hint: a run is measured against its own data as its recipe "
               "reads it; other images: --against IMAGES");
  }
}

void refuse_other_settings(const std::vector<std::string>& set, const std::vector<std::string>& measured) {
  for (const auto& assignment : set) {
    const auto key = assigned_key(assignment);
    const bool no_bootstrap =
        key == "bootstrap" && std::none_of(measured.begin(), measured.end(),
                                           [](const auto& name) { return metric_named(name, "metrics").bootstraps; });
    if (no_bootstrap || is_for_other_metric(key.substr(0, key.find('.')), measured))
      fail(key, "expected a metric with this setting, got " + (measured.empty() ? "none" : quoted_list(measured)) +
                    ", so that this has no effect. Hint: choose the metrics with --metrics");
  }
}

EvaluateFlags with_recipe(EvaluateFlags flags, const Recipe& recipe) {
  const auto& own = recipe.evaluation;
  const auto take = [&](const char* flag, auto& value, const auto& from) {
    if (!flags.given(flag)) value = from;
  };
  take("--device", flags.compute.device, recipe.compute.device);
  take("--precision", flags.compute.precision, recipe.compute.precision);
  take("--threads", flags.compute.threads, recipe.compute.threads);
  if (own.every == 0) return flags;  // it was not measured
  if (!flags.given("--features")) {  // the other options of features belong to them
    const auto request = own.feature_request();
    flags.features.features = request.features;
    take("--weights", flags.features.weights, request.weights);
    take("--convention", flags.features.convention, request.convention);
    take("--feature-precision", flags.features.precision, request.precision);
  }
  take("--count", flags.generated.count, own.count);
  take("--seed", flags.generated.seed, static_cast<uint64_t>(own.seed));
  take("--truncation", flags.generated.options.truncation, own.generation.truncation);
  take("--direction", flags.generated.options.direction, own.generation.direction);
  take("--raw", flags.raw, own.generation.weights == "raw");
  if (flags.given("--metrics")) return flags;
  auto names = own.metrics;
  if (std::erase(names, "error") > 0)
    log_info("without error, which is no metric of generated images. Hint: " +
             command_line({"classify", flags.path, recipe.data.path.value_or("IMAGES"), "--precision",
                           recipe.compute.precision}));
  flags.metrics = join(names, ",");
  return flags;
}

Sides open_sides(const EvaluateFlags& flags, NamedSides named, const Numerics& numerics, Needs needs) {
  const auto options = read_settings(flags, named);
  auto& a = named.a;
  auto& b = named.b;
  const bool own_data = !b && a.recipe && flags.save_statistics.empty() && needs.second;
  if (!b && !own_data && flags.save_statistics.empty() && needs.second)
    fail("evaluate",
         "expected --against, got none. Hint: give images, a run or saved statistics; only a run or checkpoint is "
         "measured against its own data by default");
  auto generated = flags.generated;
  if (flags.raw) generated.options.weights = "raw";
  Sides sides{open_side(std::move(a), options.data, generated, numerics, true),
              {},
              {},
              options.settings,
              named.b_of_recipe,
              numerics.device};
  if (b) sides.b = open_side(std::move(*b), options.against, generated, numerics, true);
  if (own_data) sides.b = side_of_training_data(sides.a.data, sides.a.target_domain);
  if (!needs.training) return sides;
  if (named.training)
    sides.training = open_side(std::move(*named.training), options.training, {}, numerics, true);
  else if (sides.a.family && sides.a.data)
    sides.training = side_of_training_images(sides.a.data, sides.a.target_domain);
  return sides;
}

}  // namespace fqgan
