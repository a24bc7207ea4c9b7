// fqgan evaluate A --against B: measures one set of images against another.
#include <CLI/CLI.hpp>

#include "fqgan/cli/evaluate_metrics.h"
#include "fqgan/cli/evaluate_output.h"
#include "fqgan/cli/program.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/comparison.h"
#include "fqgan/experiment/nearest_pairs.h"
#include "fqgan/metrics/over_seeds.h"
#include "fqgan/metrics/statistics_file.h"
#include "fqgan/profiling/rates.h"

namespace fqgan {
namespace {

/// The side with the labelled images that a classifier is trained on: the second, else the first. A run that is
/// measured as it measured itself has a classifier of its own data. Null: there are none.
const Side* labelled_side(const Sides& sides) {
  std::vector<const Side*> in_turn{sides.b ? &*sides.b : nullptr, &sides.a};
  if (sides.b_of_recipe) std::swap(in_turn[0], in_turn[1]);
  for (const auto* side : in_turn)
    if (side && side->data && side->labelled) return side;
  return nullptr;
}

std::unique_ptr<FeatureExtractor> open_extractor(const EvaluateFlags& flags, const Sides& sides, torch::Device device) {
  std::optional<FeatureRequest> request;
  for (const auto* flag : {"--features", "--weights", "--convention", "--feature-precision"})
    if (flags.given(flag)) request = flags.features;
  if (sides.a.family || (sides.b && sides.b->family)) request = flags.features;  // of a recipe
  const auto* labelled = labelled_side(sides);
  return open_features_between(sides.a, sides.b ? &*sides.b : nullptr, request,
                               labelled ? labelled->data.get() : nullptr, device);
}

void log_features(const EvaluateFlags& flags, const Sides& sides, const FeatureExtractor& extractor) {
  log_info("features: " + extractor.name() + ", " + extractor.description());
  const bool only_statistics = sides.a.statistics && (!sides.b || sides.b->statistics);
  if (flags.features.features != FeatureRequest().features || only_statistics) return;
  const auto* labelled = labelled_side(sides);
  log_info("features: chosen because " +
           (labelled ? labelled->facts.name + " has labels" : std::string("no side has labels")) +
           ". Other ones: --features");
}

/// The picture of the nearest pairs has images of one size.
void refuse_pairs_of_own_sizes(const EvaluateFlags& flags, const Sides& sides) {
  if (flags.neighbours.empty()) return;
  for (const auto* side : {&sides.a, &*sides.training})
    if (side->facts.mixed_sizes)
      fail("--neighbours",
           "expected images of one size, got several in " + side->facts.name + ". Hint: --set data.resolution=64");
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
  if (!log_is_verbose()) return;
  std::optional<double> operations;
  for (const auto* side : {&sides.a, sides.b, sides.training}) {
    if (!side || side->seconds < worth_knowing) continue;
    if (!operations) operations = measured_rates(device, type).operations;
    log_detail(speed_line(*side, sides.extractor, *operations));
  }
}

void print_evaluation(const EvaluateFlags& flags, const MeasuredSides& sides, const Evaluation& evaluation) {
  if (evaluation.values.empty()) fail("--metrics", join(evaluation.warnings, "; "));  // c_t alone, and not defined
  for (const auto& warning : evaluation.warnings) log_warning(warning);
  print(flags.json == no_json                  ? evaluation_lines(sides, evaluation)
        : flags.json == json_of_torch_fidelity ? torch_fidelity_json(evaluation)
                                               : evaluation_json(sides, evaluation));
}

/// What is measured of the generated side.
Side::Kept kept_of(const EvaluateFlags& flags, const std::vector<std::string>& names, const Sides& sides) {
  auto kept = kept_of_generated(names, sides.settings);
  if (need_steps(names)) kept.steps = &sides.settings.ppl;
  kept.images = !need_only_steps(names) || !flags.save_statistics.empty();
  return kept;
}

/// Measures the other sides, and prints the metrics.
void compare_with(const Measured& a, const EvaluateFlags& flags, const std::vector<std::string>& names,
                  const Sides& sides, FeatureExtractor& extractor) {
  const auto kept = kept_of(flags, names, sides);
  const auto of_real = kept_of_real(names, sides.settings);
  const auto b = sides.b ? sides.b->measure(extractor, of_real) : a;
  std::optional<Measured> training;
  if (need_training(names)) training = sides.training->measure(extractor, of_real);
  const auto measure = [&](const Measured& generated) {
    return evaluate(generated, b, names, extractor, sides.settings, training ? &*training : nullptr);
  };
  const auto evaluation = with_other_seeds(flags, sides, extractor, kept, measure(a), measure);
  const MeasuredSides measured{a, sides.b ? &b : nullptr, training ? &*training : nullptr, extractor};
  log_speed(measured, flags.features, sides.device);
  report_copies(flags, sides, evaluation);
  print_evaluation(flags, measured, evaluation);
}

int evaluate_command(const EvaluateFlags& given) {
  auto named = look_at_sides(given);
  refuse_ignored(given, named);
  const auto flags = named.a.recipe ? with_recipe(given, *named.a.recipe) : given;
  auto names = named_metrics(flags);
  check_outputs(flags);
  const auto numerics = start_computing(flags.compute);
  const bool with_training = need_training(names) || !flags.training.empty() || !flags.neighbours.empty();
  const bool compares = names.empty() || with_training || compare_sides(names);
  const auto sides = open_sides(flags, std::move(named), numerics, {compares, with_training});
  const bool measures = sides.b || (!compares && flags.save_statistics.empty());
  if (measures && flags.given("--metrics")) {
    if (flags.neighbours.empty()) refuse_other_settings(flags.set, names);  // --neighbours adds copied
    check_sides(names, sides.a.facts, sides.facts_against(), flags.features.convention.value_or(""), sides.settings,
                sides.training_facts());
  }
  if (!flags.save_statistics.empty() && sides.a.facts.images.value_or(2) < 2)
    fail("--save-statistics", "expected at least 2 images for a covariance, got 1 in " + sides.a.facts.name);
  const auto extractor = open_extractor(flags, sides, numerics.device);
  if (measures)
    names = checked_metrics(flags, std::move(names), sides, *extractor);
  else
    refuse_other_settings(flags.set, {});
  refuse_pairs_of_own_sizes(flags, sides);
  log_features(flags, sides, *extractor);
  const auto a = sides.a.measure(*extractor, kept_of(flags, measures ? names : std::vector<std::string>(), sides));
  if (!flags.save_statistics.empty()) {
    save_statistics(flags.save_statistics, a);
    log_info("wrote the statistics of " + images_text(a.images) + " to " + flags.save_statistics);
  }
  if (measures)
    compare_with(a, flags, names, sides, *extractor);
  else
    log_info("no metrics: --save-statistics is given without --against");
  return 0;
}

}  // namespace

void add_evaluate(CLI::App& program, Action& action) {
  auto flags = std::make_shared<EvaluateFlags>();
  auto* command = program.add_subcommand("evaluate", "measure images, a run or a checkpoint against other images");
  add_evaluate_flags(*command, *flags);
  command->callback([flags, &action] { action = [flags] { return evaluate_command(*flags); }; });
}

}  // namespace fqgan
