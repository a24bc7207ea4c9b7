// fqgan evaluate A --against B: measures one set of images against another.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <sstream>

#include "fqgan/cli/evaluate_output.h"
#include "fqgan/cli/evaluate_sides.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/comparison.h"
#include "fqgan/experiment/nearest_pairs.h"
#include "fqgan/inference/truncation.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/over_seeds.h"
#include "fqgan/metrics/statistics_file.h"
#include "fqgan/profiling/rates.h"

namespace fqgan {
namespace {

constexpr const char *no_json = "false", *json_of_fqgan = "true",
                     *json_of_torch_fidelity = "torch-fidelity";  // values of --json

std::vector<std::string> separated(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream parts(list);
  for (std::string name; std::getline(parts, name, ',');)
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

/// The labelled images that a classifier is trained on: of the second side, else of the first. A run that is measured
/// as it measured itself has a classifier of its own data. Null: there are none.
OpenedData* labelled_images(const Sides& sides) {
  std::vector<const Side*> in_turn{sides.b ? &*sides.b : nullptr, &sides.a};
  if (sides.b_of_recipe) std::swap(in_turn[0], in_turn[1]);
  for (const auto* side : in_turn) {
    if (!side || !side->data) continue;
    const bool labelled = side->family ? side->data->options().path.has_value() : !side->facts.class_names.empty();
    if (labelled) return side->data.get();
  }
  return nullptr;
}

std::unique_ptr<FeatureExtractor> open_extractor(const EvaluateFlags& flags, const Sides& sides, torch::Device device) {
  std::optional<FeatureRequest> request;
  for (const auto* flag : {"--features", "--weights", "--convention", "--feature-precision"})
    if (flags.given(flag)) request = flags.features;
  if (sides.a.family || (sides.b && sides.b->family)) request = flags.features;  // of a recipe
  return open_features_between(sides.a, sides.b ? &*sides.b : nullptr, request, labelled_images(sides), device);
}

bool can_measure(const std::string& metric, const Sides& sides, const FeatureExtractor& extractor) {
  try {
    check_metrics({metric}, sides.a.facts, sides.b->facts, extractor, sides.settings, sides.training_facts());
    return true;
  } catch (const UserError& error) {
    log_info("without " + metric + ": " + error.what());
    return false;
  }
}

/// The default metrics: fid, kid if there are enough images, accuracy if the extractor knows the classes, and copied if
/// there are training images.
std::vector<std::string> default_metrics(const Sides& sides, const FeatureExtractor& extractor) {
  std::vector<std::string> names = {"fid"};
  if (sides.a.facts.statistics_only || sides.b->facts.statistics_only) return names;
  if (can_measure("kid", sides, extractor)) names.push_back("kid");
  const bool labels = !sides.a.facts.class_names.empty() && !extractor.class_names().empty();
  if (labels && can_measure("accuracy", sides, extractor)) names.push_back("accuracy");
  if (sides.training && can_measure("copied", sides, extractor)) names.push_back("copied");
  return names;
}

/// What --metrics asks for (`asked`), else those metrics of the recipe that can be measured between these sides, else
/// the default.
std::vector<std::string> chosen_metrics(std::vector<std::string> names, bool asked, const Sides& sides,
                                        const FeatureExtractor& extractor) {
  if (names.empty()) return default_metrics(sides, extractor);
  if (asked) return names;
  std::erase_if(names, [&](const auto& name) { return !can_measure(name, sides, extractor); });
  if (names.empty())
    fail("--metrics",
         "expected a metric that can be measured between these images, the run's recipe has none. Hint: name others");
  return names;
}

/// In the form of torch-fidelity, only its metrics can be printed.
void leave_out_others(std::vector<std::string>& names, bool asked) {
  for (const auto& name : names)
    if (asked && !in_torch_fidelity(name))
      fail("--json=torch-fidelity", "expected metrics that torch-fidelity prints (fid, kid, is, pr), got '" + name +
                                        "'. Hint: --json prints every metric");
  std::erase_if(names, [](const auto& name) { return !in_torch_fidelity(name); });
  if (names.empty())
    fail("--json=torch-fidelity",
         "expected a metric that torch-fidelity prints, the run's recipe has none. Hint: "
         "--metrics fid");
}

bool has_copied(const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), "copied") != names.end();
}

/// The table beside the picture of --neighbours: the same name with another ending.
std::string table_beside(const std::string& picture) {
  return std::filesystem::path(picture).replace_extension(".csv").string();
}

/// Saved statistics have one of two forms.
std::string statistics_ending(const std::string& path) {
  if (is_npz(path)) return ".npz";
  if (path.ends_with(".safetensors")) return ".safetensors";
  fail("--save-statistics", "expected a name that ends in .safetensors or .npz, got '" + path + "'");
}

void check_outputs(const EvaluateFlags& flags) {
  check_force(flags.force, {flags.save_statistics, flags.neighbours});
  const auto& features = flags.features;
  const std::vector<std::string> reads = {flags.path,
                                          flags.against,
                                          flags.training,
                                          features.features,
                                          features.weights.value_or(""),
                                          flags.generated.source};
  if (!flags.save_statistics.empty())
    check_target(
        {flags.save_statistics, statistics_ending(flags.save_statistics), "--save-statistics", flags.force, reads});
  if (flags.neighbours.empty() && !flags.given("--neighbours")) return;
  check_target({flags.neighbours, ".png", "--neighbours", flags.force, reads});
  check_target({table_beside(flags.neighbours), ".csv", "--neighbours", flags.force, reads});
}

/// The metrics of a comparison, which have been checked. `asked`: of --metrics or the recipe; empty: neither.
std::vector<std::string> checked_metrics(const EvaluateFlags& flags, std::vector<std::string> asked, bool by_flag,
                                         const Sides& sides, const FeatureExtractor& extractor) {
  auto names = chosen_metrics(std::move(asked), by_flag, sides, extractor);
  if (flags.json == json_of_torch_fidelity) leave_out_others(names, by_flag);
  if (!flags.neighbours.empty() && !has_copied(names)) names.emplace_back("copied");
  if (!flags.training.empty() && !need_training(names))
    fail("--training", "expected a metric that compares with the training images, got " + quoted_list(names) +
                           ", so that this has no effect. Hint: --metrics auth,c_t,copied");
  if (flags.json == json_of_torch_fidelity) leave_out_others(names, by_flag);
  refuse_other_settings(flags.set, names);
  check_metrics(names, sides.a.facts, sides.b ? sides.b->facts : sides.a.facts, extractor, sides.settings,
                sides.training_facts());
  return names;
}

void report_copies(const EvaluateFlags& flags, const Sides& sides, const Evaluation& evaluation) {
  if (!evaluation.copies) return;
  log_info("copied: " + verdict(*evaluation.copies));
  if (flags.neighbours.empty()) return;
  const auto table = table_beside(flags.neighbours);
  write_nearest_pairs(flags.neighbours, table, sides.a, *sides.training, *evaluation.copies);
  log_info("wrote the nearest pairs of a generated and a training image to " + flags.neighbours + ", and all to " +
           table);
}

/// The evaluation with the first seed, extended to --seeds.
Evaluation with_other_seeds(const EvaluateFlags& flags, const Sides& sides, FeatureExtractor& extractor,
                            const Side::Kept& kept, Evaluation first,
                            const std::function<Evaluation(const Measured& generated)>& measure) {
  if (flags.seeds == 1) return first;
  std::vector<Evaluation> evaluations{std::move(first)};
  for (int64_t i = 1; i < flags.seeds; ++i)
    evaluations.push_back(measure(sides.a.measure(extractor, kept, static_cast<uint64_t>(i))));
  return over_seeds(evaluations);
}

/// How fast the features were, for --verbose. Rates are measured only where they are worth the time.
void log_speed(const MeasuredSides& sides, const FeatureRequest& request, torch::Device device) {
  constexpr double worth_knowing = 2;  // seconds
  const auto type = request.precision == "bfloat16" ? at::kBFloat16 : at::kFloat;
  std::optional<double> operations;
  for (const auto* side : {&sides.a, sides.b, sides.training}) {
    if (!side || side->seconds < worth_knowing) continue;
    if (!operations) operations = measured_rates(device, type).operations;
    log_detail(speed_line(*side, sides.extractor, *operations));
  }
}

int evaluate_command(const EvaluateFlags& given) {
  if (given.json != no_json && given.json != json_of_fqgan && given.json != json_of_torch_fidelity)
    fail("--json", std::string("expected --json or --json=") + json_of_torch_fidelity + ", got '" + given.json + "'");
  auto named = look_at_sides(given);
  refuse_ignored(given, named);
  const auto flags = named.a.recipe ? with_recipe(given, *named.a.recipe) : given;
  auto names = separated(flags.metrics);
  if (names.empty() && given.given("--metrics"))
    fail("--metrics", "expected names of metrics, got '" + flags.metrics + "'");
  for (const auto& name : names) metric_named(name, "--metrics");
  check_outputs(flags);
  const auto numerics = start_computing(flags.compute);
  const bool with_training = need_training(names) || !flags.training.empty() || !flags.neighbours.empty();
  const bool compares = names.empty() || with_training || compare_sides(names);
  const auto sides = open_sides(flags, std::move(named), numerics, {compares, with_training});
  const bool measures = sides.b || (!compares && flags.save_statistics.empty());
  const auto extractor = open_extractor(flags, sides, numerics.device);
  if (measures)
    names = checked_metrics(flags, std::move(names), given.given("--metrics"), sides, *extractor);
  else
    refuse_other_settings(flags.set, {});
  log_info("features: " + extractor->name() + ", " + extractor->description());
  const bool keep = need_images(names, sides.settings);
  const Side::Kept kept{keep, need_logits(names)};
  const auto a = sides.a.measure(*extractor, kept);
  if (!flags.save_statistics.empty()) {
    save_statistics(flags.save_statistics, a);
    log_info("wrote the statistics of " + images_text(a.images) + " to " + flags.save_statistics);
  }
  if (!measures) {
    log_info("no metrics: --save-statistics is given without --against");
    return 0;
  }
  const auto b = sides.b ? sides.b->measure(*extractor, {keep, false}) : a;
  std::optional<Measured> training;
  if (need_training(names)) training = sides.training->measure(*extractor, {true, false});
  const auto measure = [&](const Measured& generated) {
    return evaluate(generated, b, names, *extractor, sides.settings, training ? &*training : nullptr);
  };
  const auto evaluation = with_other_seeds(flags, sides, *extractor, kept, measure(a), measure);
  for (const auto& warning : evaluation.warnings) log_warning(warning);
  report_copies(flags, sides, evaluation);
  const MeasuredSides measured{a, sides.b ? &b : nullptr, training ? &*training : nullptr, *extractor};
  log_speed(measured, flags.features, numerics.device);
  print(flags.json == no_json                  ? evaluation_lines(measured, evaluation)
        : flags.json == json_of_torch_fidelity ? torch_fidelity_json(evaluation)
                                               : evaluation_json(measured, evaluation));
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
    meanings += "  " + metric.name + std::string(14 - metric.name.size(), ' ') + metric.meaning + "\n";
  }
  command->footer(meanings + "\nFeature extractors:\n" + feature_help());
  command
      ->add_option("generated", flags->path, "images (folder, zip, data set), a run, a checkpoint or saved statistics")
      ->required();
  command->add_option(
      "--against", flags->against,
      "reference, of the same kinds; default for a run: as in its recipe, which is the held-out images or the test "
      "split of its data, else its training images");
  command->add_option("--training", flags->training,
                      "images that the generator was trained on, for auth, c_t and copied; default for a run: those of "
                      "its recipe");
  command->add_option(
      "--metrics", flags->metrics,
      "comma-separated list of " + join(known) + "; default: those of the run's recipe, else fid, kid and accuracy");
  command
      ->add_option("--features", flags->features.features,
                   "feature extractor, see below; of a run: its recipe's, like --count, --seed, --truncation, --raw, "
                   "--direction, --device, --precision and --threads")
      ->capture_default_str();
  command->add_option(
      "--weights", flags->features.weights,
      "safetensors file with the weights of inception or efficientnet-lite; default: in the cache folder");
  command->add_option("--convention", flags->features.convention,
                      "measure with inception as this tool does: " + join(convention_names()) +
                          "; default: " + convention_names().front());
  command
      ->add_option("--feature-precision", flags->features.precision,
                   "activations of inception and efficientnet-lite: float32, or bfloat16, which is faster and deviates "
                   "slightly")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  add_integer(*command, "--count", flags->generated.count, {1, most_images},
              "number of images that a run or checkpoint generates, with the classes in turn");
  add_seed(*command, flags->generated.seed, "seed of the generated images");
  add_integer(*command, "--seeds", flags->seeds, {1, 1000},
              "number of seeds (--seed and those after it); the values are means, with standard deviations");
  add_number(*command, "--truncation", flags->generated.options.truncation, {0, largest_truncation},
             "truncation of the generated images' latents, as in fqgan sample");
  command->add_flag("--raw", flags->raw, "generate with the trained weights themselves, not their moving average");
  command->add_option("--source", flags->generated.source, "source images for a model that translates images");
  command->add_option("--direction", flags->generated.options.direction,
                      "direction of a model that translates images, such as a2b; default: its first one");
  add_set_flag(*command, flags->set,
               "set an option, such as kid.subset_size=500, data.resolution=32, against.split=test or bootstrap=100 "
               "(repeatable)");
  command->add_option("--save-statistics", flags->save_statistics,
                      "write the statistics of the first side for later fid, as X.safetensors or as X.npz, which "
                      "pytorch-fid and clean-fid read");
  command->add_option("--neighbours", flags->neighbours,
                      "write the generated images with their nearest training images: the nearest pairs as PAIRS.png, "
                      "all as PAIRS.csv beside it; also measures copied");
  command->add_flag("--json", flags->json,
                    "print one JSON document; --json=torch-fidelity: with the keys of that tool");
  add_force_flag(*command, flags->force);
  add_compute_flags(*command, flags->compute);
  flags->given = [command](const std::string& flag) { return command->count(flag) > 0; };
  command->callback([flags, &action] { action = [flags] { return evaluate_command(*flags); }; });
}

}  // namespace fqgan
