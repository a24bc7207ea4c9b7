// fqgan evaluate A --against B: measures one set of images against another.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/data/matched_classes.h"
#include "fqgan/experiment/evaluation_side.h"
#include "fqgan/inference/truncation.h"
#include "fqgan/metrics/classifier_training.h"

namespace fqgan {
namespace {

struct EvaluateFlags {
  std::string path, against, metrics, features = "classifier", save_statistics;
  Generated generated{10'000};
  bool raw = false;
  std::vector<std::string> set;
  bool json = false, force = false;
  ComputeOptions compute;
  std::function<bool(const std::string&)> given;  // whether a flag was on the command line
};

/// The options of --set: for reading images (`data` on both sides, `against` on the second) and for the estimators.
struct EvaluateOptions : Options {
  DataOptions data, against;
  MetricOptions settings;
  void fields(FieldVisitor& visit) override {
    visit("data", data, about("options for the images of both sides"));
    visit("against", against, about("options for the images of the second side, if they differ"));
    settings.fields(visit);
  }
};

/// What the two sides are.
struct NamedSides {
  NamedSide a;
  std::optional<NamedSide> b;

  bool generates() const { return a.checkpoint || (b && b->checkpoint); }
  static bool reads_images(const NamedSide& side) { return !side.checkpoint && !side.statistics; }
};

NamedSides look_at_sides(const EvaluateFlags& flags) {
  NamedSides named{look_at_side(flags.path), std::nullopt};
  auto against = flags.against;
  if (against.empty() && flags.save_statistics.empty() && named.a.recipe)
    against = named.a.recipe->evaluation.against.value_or("");
  if (!against.empty()) named.b = look_at_side(against);
  return named;
}

/// Options that would have no effect are refused. data.* and against.*: of the images that are read.
void refuse_ignored(const EvaluateFlags& flags, const NamedSides& named) {
  for (const auto* flag : {"--count", "--seed", "--truncation", "--raw", "--source", "--direction", "--precision"})
    if (flags.given(flag) && !named.generates())
      fail(flag, "expected a run or checkpoint, which generates images; got none, so that this has no effect");
  for (const auto* flag : {"--metrics", "--json"})
    if (flags.given(flag) && !named.b && !flags.save_statistics.empty())
      fail(flag, "expected --against, without which --save-statistics measures nothing, so that this has no effect");
  const bool second = named.b && NamedSides::reads_images(*named.b), any = second || NamedSides::reads_images(named.a);
  for (const auto& assignment : flags.set) {
    const auto key = assigned_key(assignment);
    const bool data = key.starts_with("data."), against = key.starts_with("against.");
    const auto name = key.substr(key.find('.') + 1);
    if (!data && !against) continue;
    if (name == "path")
      fail(key, "has no effect here. Hint: give the images as arguments: " +
                    command_line({"evaluate", "A", "--against", "B"}));
    if (name == "flip" || name == "crop_margin") fail(key, "augmentation belongs to a training and has no effect here");
    if (data ? !any : !second)
      fail(key,
           std::string("expected images to read") + (data ? "" : " as --against") +
               ", got none, so that this has no effect. Hint: a run is measured against its own data as its recipe "
               "reads it; other images: --against IMAGES");
  }
}

/// Whether this is a table of settings for one metric that is not measured.
bool is_for_other_metric(const std::string& table, const std::vector<std::string>& measured) {
  const auto& all = metrics();
  const auto of = std::find_if(all.begin(), all.end(), [&](const auto& metric) { return metric.settings == table; });
  return of != all.end() && std::find(measured.begin(), measured.end(), of->name) == measured.end();
}

/// Settings of metrics that are not measured are refused.
void refuse_other_settings(const std::vector<std::string>& set, const std::vector<std::string>& measured) {
  for (const auto& assignment : set) {
    const auto key = assigned_key(assignment);
    if (is_for_other_metric(key.substr(0, key.find('.')), measured))
      fail(key, "expected a metric with this setting, got " + (measured.empty() ? "none" : quoted_list(measured)) +
                    ", so that this has no effect. Hint: choose the metrics with --metrics");
  }
}

/// A run or checkpoint is measured as its training measures it, unless a flag says otherwise: with the same features,
/// metrics, images, precision and threads.
EvaluateFlags with_recipe(EvaluateFlags flags, const Recipe& recipe) {
  const auto& own = recipe.evaluation;
  const auto take = [&](const char* flag, auto& value, const auto& from) {
    if (!flags.given(flag)) value = from;
  };
  take("--features", flags.features, own.features);
  take("--count", flags.generated.count, own.count);
  take("--seed", flags.generated.seed, static_cast<uint64_t>(own.seed));
  take("--truncation", flags.generated.options.truncation, own.generation.truncation);
  take("--direction", flags.generated.options.direction, own.generation.direction);
  take("--raw", flags.raw, own.generation.weights == "raw");
  take("--device", flags.compute.device, recipe.compute.device);
  take("--precision", flags.compute.precision, recipe.compute.precision);
  take("--threads", flags.compute.threads, recipe.compute.threads);
  if (own.every > 0 && !flags.given("--metrics")) {
    auto names = own.metrics;
    std::erase(names, "error");  // of a classifier on test images: fqgan classify
    flags.metrics = join(names, ",");
  }
  return flags;
}

EvaluateOptions read_settings(const std::vector<std::string>& set, const NamedSides& named) {
  EvaluateOptions options;
  const auto* recipe = named.a.recipe ? named.a.recipe.get() : named.b ? named.b->recipe.get() : nullptr;
  if (recipe) options.data = fitting_of(recipe->data);  // the other side's images must have the same size
  if (named.a.recipe) options.settings = named.a.recipe->evaluation.settings;
  options.data.strict = true;  // because a skipped image changes the metrics
  options.against = options.data;
  RecipeText text;
  for (const auto& assignment : set)
    if (assigned_key(assignment).starts_with("data."))
      text.set("against" + assignment.substr(assignment.find("data.") + 4));
  for (const auto& assignment : set) text.set(assignment);
  read_options(text, options);
  return options;
}

struct Sides {
  Side a;
  std::optional<Side> b;  // unset if only --save-statistics is given
  MetricOptions settings;
};

Sides open_sides(const EvaluateFlags& flags, NamedSides named, const Numerics& numerics) {
  const auto options = read_settings(flags.set, named);
  auto& [a, b] = named;
  const bool own_data = !b && a.recipe && flags.save_statistics.empty();
  if (!b && !own_data && flags.save_statistics.empty())
    fail("evaluate",
         "expected --against, got none. Hint: give images, a run or saved statistics; only a run or checkpoint is "
         "measured against its own data by default");
  auto generated = flags.generated;
  if (flags.raw) generated.options.weights = "raw";
  Sides sides{open_side(std::move(a), options.data, generated, numerics), std::nullopt, options.settings};
  if (b) sides.b = open_side(std::move(*b), options.against, generated, numerics);
  if (own_data) sides.b = side_of_training_data(sides.a.data, sides.a.target_domain);
  return sides;
}

std::vector<std::string> separated(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream parts(list);
  for (std::string name; std::getline(parts, name, ',');)
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  if (names.empty() && !list.empty()) fail("--metrics", "expected names of metrics, got '" + list + "'");
  return names;
}

/// Opens the features; the classifier is trained on the labelled images of the second side, else of the first.
std::unique_ptr<FeatureExtractor> open_extractor(const EvaluateFlags& flags, const Sides& sides, torch::Device device) {
  if (flags.features != "classifier") return open_features(flags.features, device);
  for (const auto* side : {sides.b ? &*sides.b : nullptr, &sides.a}) {
    if (!side || !side->data) continue;
    const bool labelled = side->family ? side->data->options().path.has_value() : !side->facts.class_names.empty();
    if (labelled) return cached_classifier(*side->data, device);
  }
  fail("features",
       "expected labelled images to train a classifier, but neither side has labels. Hint: use --features FILE (a "
       "saved classifier or a TorchScript file)");
}

bool can_measure(const std::string& metric, const Sides& sides, const FeatureExtractor& extractor) {
  try {
    check_metrics({metric}, sides.a.facts, sides.b->facts, extractor, sides.settings);
    return true;
  } catch (const UserError& error) {
    log_info("without " + metric + ": " + error.what());
    return false;
  }
}

/// The default metrics: fid, kid if there are enough images, and accuracy if the extractor knows the classes.
std::vector<std::string> default_metrics(const Sides& sides, const FeatureExtractor& extractor) {
  std::vector<std::string> names = {"fid"};
  if (sides.a.facts.statistics_only || sides.b->facts.statistics_only) return names;
  if (can_measure("kid", sides, extractor)) names.push_back("kid");
  const bool labels = !sides.a.facts.class_names.empty() && !extractor.class_names().empty();
  if (labels && can_measure("accuracy", sides, extractor)) names.push_back("accuracy");
  return names;
}

std::string json_of(const Measured& a, const Measured& b, const FeatureExtractor& extractor,
                    const Evaluation& evaluation) {
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
  for (const auto& [name, value] : evaluation.values) metrics[name] = value;
  const nlohmann::ordered_json document = {
      {"generated", a.name},
      {"against", b.name},
      {"counts", {{"generated", a.images}, {"against", b.images}}},
      {"features",
       {{"name", extractor.name()}, {"description", extractor.description()}, {"dimension", a.moments.dimension()}}},
      {"metrics", metrics},
      {"warnings", evaluation.warnings}};
  return document.dump(2) + "\n";
}

std::string lines_of(const Measured& a, const Measured& b, const Evaluation& evaluation) {
  size_t width = 0;
  for (const auto& [name, value] : evaluation.values) width = std::max(width, name.size());
  std::string lines;
  for (const auto& [name, value] : evaluation.values)
    lines += name + std::string(width + 2 - name.size(), ' ') + significant(value, 6) + "  (" +
             std::to_string(a.images) + " images against " + std::to_string(b.images) + ")\n";
  return lines;
}

int evaluate_command(const EvaluateFlags& given) {
  auto named = look_at_sides(given);
  refuse_ignored(given, named);
  const auto flags = named.a.recipe ? with_recipe(given, *named.a.recipe) : given;
  auto names = separated(flags.metrics);
  for (const auto& name : names) metric_named(name, "--metrics");
  check_force(flags.force, {flags.save_statistics});
  if (!flags.save_statistics.empty())
    check_target({flags.save_statistics,
                  ".safetensors",
                  "--save-statistics",
                  flags.force,
                  {flags.path, flags.against, flags.features, flags.generated.source}});
  const auto numerics = start_computing(flags.compute);
  const auto sides = open_sides(flags, std::move(named), numerics);
  const auto extractor = open_extractor(flags, sides, numerics.device);
  if (sides.b && names.empty()) names = default_metrics(sides, *extractor);
  refuse_other_settings(flags.set, sides.b ? names : std::vector<std::string>());
  if (sides.b) check_metrics(names, sides.a.facts, sides.b->facts, *extractor, sides.settings);
  log_info("features: " + extractor->name() + ", " + extractor->description());
  const bool keep = need_images(names);
  const auto a = sides.a.measure(*extractor, keep);
  if (!flags.save_statistics.empty()) {
    save_statistics(flags.save_statistics, a);
    log_info("wrote the statistics of " + std::to_string(a.images) + " images to " + flags.save_statistics);
  }
  if (!sides.b) {
    log_info("no metrics: --save-statistics is given without --against");
    return 0;
  }
  const auto b = sides.b->measure(*extractor, keep);
  const auto evaluation = evaluate(a, b, names, *extractor, sides.settings);
  for (const auto& warning : evaluation.warnings) log_warning(warning);
  print(flags.json ? json_of(a, b, *extractor, evaluation) : lines_of(a, b, evaluation));
  return 0;
}

}  // namespace

void add_evaluate(CLI::App& program, Action& action) {
  auto flags = std::make_shared<EvaluateFlags>();
  auto* command = program.add_subcommand("evaluate", "measure images, a run or a checkpoint against other images");
  std::vector<std::string> known;
  std::string meanings = "Metrics:\n";
  for (const auto& metric : metrics()) {
    known.push_back(metric.name);
    meanings += "  " + metric.name + std::string(12 - metric.name.size(), ' ') + metric.meaning + "\n";
  }
  command->footer(meanings);
  command
      ->add_option("generated", flags->path, "images (folder, zip, data set), a run, a checkpoint or saved statistics")
      ->required();
  command->add_option(
      "--against", flags->against,
      "reference, of the same kinds; default for a run: as in its recipe, which is the held-out images or the test "
      "split of its data, else its training images");
  command->add_option(
      "--metrics", flags->metrics,
      "comma-separated list of " + join(known) + "; default: those of the run's recipe, else fid, kid and accuracy");
  command
      ->add_option(
          "--features", flags->features,
          "feature extractor: 'classifier' (trained on the labelled side), the file of a saved classifier, or "
          "a TorchScript file; of a run: its recipe's, like --count, --seed, --truncation, --raw, --direction, "
          "--device, --precision and --threads")
      ->capture_default_str();
  add_integer(*command, "--count", flags->generated.count, {1, most_images},
              "number of images that a run or checkpoint generates, with the classes in turn");
  add_seed(*command, flags->generated.seed, "seed of the generated images");
  add_number(*command, "--truncation", flags->generated.options.truncation, {0, largest_truncation},
             "truncation of the generated images' latents, as in fqgan sample");
  command->add_flag("--raw", flags->raw, "generate with the trained weights themselves, not their moving average");
  command->add_option("--source", flags->generated.source, "source images for a model that translates images");
  command->add_option("--direction", flags->generated.options.direction,
                      "direction of a model that translates images, such as a2b; default: its first one");
  add_set_flag(*command, flags->set,
               "set an option, such as kid.subset_size=500, data.resolution=32 or against.split=test (repeatable)");
  command->add_option("--save-statistics", flags->save_statistics,
                      "write the statistics of the first side as X.safetensors, for later fid");
  command->add_flag("--json", flags->json, "print one JSON document");
  add_force_flag(*command, flags->force);
  add_compute_flags(*command, flags->compute);
  flags->given = [command](const std::string& flag) { return command->count(flag) > 0; };
  command->callback([flags, &action] { action = [flags] { return evaluate_command(*flags); }; });
}

}  // namespace fqgan
