// fqgan profile RECIPE: shows where the time of a training step goes.
#include "fqgan/profiling/profile.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/experiment/step_estimate.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/profiling/noise_images.h"

namespace fqgan {
namespace {

using nlohmann::ordered_json;

struct ProfileFlags {
  std::string recipe, data;
  std::vector<std::string> set;
  int64_t classes = 10, rows = 30;
  ProfileOptions options;
  bool json = false, steps_only = false;
};

/// The data if it is given, else random noise of the recipe's size.
struct Images {
  Images(const Recipe& recipe, const ProfileFlags& flags) {
    if (!recipe.data.path.value_or("").empty()) {
      sets.emplace(recipe);
      by_name = sets->by_name();
      infos = sets->infos();
      return;
    }
    if (!recipe.data.resolution)
      fail("data.resolution",
           "expected a size in pixels for random images, got none. Hint: set data.resolution, or use --data");
    const auto height = *recipe.data.resolution;
    noise.emplace(recipe.data.channels.value_or(3), height, recipe.data.width.value_or(height), flags.classes);
    by_name = everywhere(*recipe.model, *noise);
    infos = infos_of(recipe.model->datasets(), noise->info());
  }
  std::optional<TrainingSets> sets;
  std::optional<NoiseImages> noise;
  DatasetsByName by_name;
  DataInfos infos;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

ordered_json json_of(const StepProfile& p, const StepEstimate& estimate, const ProfileFlags& flags) {
  ordered_json document{{"seconds", p.seconds}, {"losses", p.losses}, {"peak_memory_mib", p.peak_memory / 1048576}};
  document["estimated_memory_mib"] = estimate.memory / 1048576;
  document["estimated_seconds"] = estimate.seconds;
  document["threads"] = at::get_num_threads();
  if (flags.steps_only) return document;
  document["recorded_seconds"] = p.recorded_seconds;
  document["at_peak_seconds"] = p.at_peak;
  document["bound_seconds"] = p.bound;
  document["peak_gflops"] = {{"float32", p.peak_float32 / 1e9}, {"bfloat16", p.peak_bfloat16 / 1e9}};
  for (const auto& l : p.layers) {
    const double seconds = l.forward + l.backward;
    document["layers"].push_back({{"name", l.name},
                                  {"forward_seconds", l.forward},
                                  {"backward_seconds", l.backward},
                                  {"gflop", l.operations / 1e9},
                                  {"megabytes", l.bytes / 1e6},
                                  {"at_peak_seconds", l.at_peak},
                                  {"bound_seconds", l.bound},
                                  {"fraction_of_peak", l.at_peak / seconds},
                                  {"fraction_of_bound", l.bound / seconds}});
  }
  for (const auto& o : p.operators)
    document["operators"].push_back({{"name", o.name},
                                     {"shapes", o.shapes},
                                     {"backward", o.backward},
                                     {"calls", o.calls},
                                     {"seconds", o.seconds},
                                     {"gflop", o.operations / 1e9},
                                     {"megabytes", o.bytes / 1e6}});
  return document;
}

void print_layers(const StepProfile& p, int64_t rows) {
  std::printf("\n%-44s %9s %9s %9s %9s %8s %6s %6s\n", "layer (ms, per iteration)", "forward", "backward", "GFLOP",
              "GFLOP/s", "MB", "peak", "bound");
  double rest = 0;
  for (size_t i = 0; i < p.layers.size(); ++i) {
    const auto& l = p.layers[i];
    const double seconds = l.forward + l.backward;
    if (static_cast<int64_t>(i) >= rows) {
      rest += seconds;
      continue;
    }
    std::printf("%-44s %9.1f %9.1f %9.1f %9.0f %8.0f %5.0f%% %5.0f%%\n",
                (l.name.empty() ? "outside of layers" : l.name).c_str(), l.forward * 1e3, l.backward * 1e3,
                l.operations / 1e9, l.operations / seconds / 1e9, l.bytes / 1e6, 100 * l.at_peak / seconds,
                100 * l.bound / seconds);
  }
  if (rest > 0) std::printf("%-44s %9.1f\n", "other layers", rest * 1e3);
}

void print_operators(const StepProfile& p, int64_t rows) {
  std::printf("\n%-34s %7s %9s %9s  %s\n", "operator (ms, per iteration)", "calls", "own ms", "GFLOP", "shapes");
  for (size_t i = 0; i < p.operators.size() && static_cast<int64_t>(i) < rows; ++i) {
    const auto& o = p.operators[i];
    std::printf("%-34s %7.1f %9.1f %9.1f  %s\n", o.name.substr(0, 34).c_str(), o.calls, o.seconds * 1e3,
                o.operations / 1e9, o.shapes.c_str());
  }
}

void print(const StepProfile& p, const StepEstimate& estimate, const ProfileFlags& flags) {
  const double seconds = median(p.seconds);
  std::printf("%.4g s per iteration (median of %zu, with %d threads); at most %.0f MiB of memory\n", seconds,
              p.seconds.size(), at::get_num_threads(), p.peak_memory / 1048576);
  std::printf("estimate without running a step: %.4g s per iteration, %.0f MiB of tensors\n", estimate.seconds,
              estimate.memory / 1048576);
  if (flags.steps_only) return;
  std::printf("measured peak: %.0f GFLOP/s in float32, %.0f in bfloat16\n", p.peak_float32 / 1e9,
              p.peak_bfloat16 / 1e9);
  std::printf("the products alone: %.4g s at that peak, %.0f %% of the iteration\n", p.at_peak,
              100 * p.at_peak / seconds);
  std::printf("bound: %.4g s at the rates that matrix products of these shapes reach here, %.0f %% of the iteration\n",
              p.bound, 100 * p.bound / seconds);
  print_layers(p, flags.rows);
  print_operators(p, flags.rows);
}

int profile(const ProfileFlags& flags) {
  auto text = RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto recipe = read_recipe(text);
  if (!flags.data.empty()) recipe->data.path = flags.data;
  const auto numerics = start_computing(recipe->compute);
  const Images images(*recipe, flags);
  const auto seed = static_cast<uint64_t>(recipe->seed);
  const auto family = recipe->model->build(images.infos, numerics, seed);
  auto options = flags.options;
  options.layers = !flags.steps_only;
  const auto result = profile_step(*family, images.by_name, seed, options);
  const auto estimate = estimate_step(*recipe, images.infos, numerics);
  if (flags.json)
    std::cout << json_of(result, estimate, flags).dump(1) << '\n';
  else
    print(result, estimate, flags);
  return 0;
}

}  // namespace

void add_profile(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ProfileFlags>();
  auto* command =
      program.add_subcommand("profile", "show where the time of a training step goes, by layer and operator");
  command->add_option("recipe", flags->recipe, "recipe file (TOML)")->required();
  command->add_option("--data", flags->data, "images; default: random noise of the recipe's size");
  command->add_option("--classes", flags->classes, "number of classes of the random noise")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{0}, int64_t{100000}));
  add_set_flag(*command, flags->set, "override an option: --set precision=bfloat16 (repeatable)");
  command->add_option("--iterations", flags->options.iterations, "number of iterations to time and record")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{100000}));
  command->add_option("--warmup", flags->options.warmup, "number of iterations before the timing")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{0}, int64_t{100000}));
  command->add_option("--rows", flags->rows, "largest number of rows of each table")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--steps-only", flags->steps_only, "time whole iterations only, without layers and operators");
  command->add_flag("--json", flags->json, "print one JSON document");
  command->callback([flags, &action] { action = [flags] { return profile(*flags); }; });
}

}  // namespace fqgan
