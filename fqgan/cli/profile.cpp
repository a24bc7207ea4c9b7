// fqgan profile RECIPE: shows where the time of a training step goes.
#include "fqgan/profiling/profile.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/experiment/step_estimate.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/profiling/noise_images.h"

namespace fqgan {
namespace {

using nlohmann::ordered_json;

constexpr int64_t default_classes = 10;

struct ProfileFlags {
  std::string recipe, data;
  std::vector<std::string> set;
  std::optional<int64_t> classes;  // of the random noise
  int64_t rows = 30;
  ProfileOptions options;
  bool json = false, steps_only = false;
};

/// The data if it is given, else random noise of the recipe's size.
struct Images {
  Images(const Recipe& recipe, const ProfileFlags& flags) {
    if (!recipe.data.path.value_or("").empty()) {
      if (flags.classes)
        fail("--classes", "expected a recipe without data.path, got '" + *recipe.data.path +
                              "', whose images are used instead of random noise. Hint: leave --classes out");
      sets.emplace(recipe);
      by_name = sets->by_name();
      infos = sets->infos();
      return;
    }
    if (!recipe.data.resolution)
      fail("data.resolution",
           "expected a size in pixels for random images, got none. Hint: set data.resolution, or use --data");
    const auto height = *recipe.data.resolution;
    noise.emplace(recipe.data.channels.value_or(3), height, recipe.data.width.value_or(height),
                  flags.classes.value_or(default_classes));
    by_name = everywhere(*recipe.model, *noise);
    infos = infos_of(recipe.model->datasets(), noise->info());
  }
  std::optional<TrainingSets> sets;
  std::optional<NoiseImages> noise;
  DatasetsByName by_name;
  DataInfos infos;
};

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.) / static_cast<double>(std::max<size_t>(values.size(), 1));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

ordered_json json_of(const StepProfile& p, const StepEstimate& estimate, const ProfileFlags& flags) {
  ordered_json document{{"seconds", p.seconds}, {"losses", p.losses}, {"peak_memory_mib", p.peak_memory / 1048576}};
  for (const auto& phase : p.phases)
    document["phases"].push_back({{"name", phase.name}, {"interval", phase.interval}, {"seconds", phase.seconds}});
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

/// Text as printf makes it.
class Lines {
 public:
  __attribute__((format(printf, 2, 3))) void add(const char* format, ...) {
    char line[512];
    va_list values;
    va_start(values, format);
    std::vsnprintf(line, sizeof line, format, values);
    va_end(values);
    text += line;
  }
  std::string text;
};

void add_phases(Lines& lines, const StepProfile& p) {
  lines.add("\n%-44s %9s %9s\n", "phase (ms, per iteration)", "ms", "runs in");
  for (const auto& phase : p.phases)
    lines.add("%-44s %9.1f %9s\n", phase.name.c_str(), phase.seconds * 1e3,
              phase.interval == 1 ? "each" : ("1/" + std::to_string(phase.interval)).c_str());
}

void add_layers(Lines& lines, const StepProfile& p, int64_t rows) {
  lines.add("\n%-44s %9s %9s %9s %9s %8s %6s %6s\n", "layer (ms, per iteration)", "forward", "backward", "GFLOP",
            "GFLOP/s", "MB", "peak", "bound");
  double rest = 0;
  for (size_t i = 0; i < p.layers.size(); ++i) {
    const auto& l = p.layers[i];
    const double seconds = l.forward + l.backward;
    if (static_cast<int64_t>(i) >= rows) {
      rest += seconds;
      continue;
    }
    lines.add("%-44s %9.1f %9.1f %9.1f %9.0f %8.0f %5.0f%% %5.0f%%\n",
              (l.name.empty() ? "outside of layers" : l.name).c_str(), l.forward * 1e3, l.backward * 1e3,
              l.operations / 1e9, l.operations / seconds / 1e9, l.bytes / 1e6, 100 * l.at_peak / seconds,
              100 * l.bound / seconds);
  }
  if (rest > 0) lines.add("%-44s %9.1f\n", "other layers", rest * 1e3);
}

void add_operators(Lines& lines, const StepProfile& p, int64_t rows) {
  lines.add("\n%-34s %7s %9s %9s  %s\n", "operator (ms, per iteration)", "calls", "own ms", "GFLOP", "shapes");
  for (size_t i = 0; i < p.operators.size() && static_cast<int64_t>(i) < rows; ++i) {
    const auto& o = p.operators[i];
    lines.add("%-34s %7.1f %9.1f %9.1f  %s\n", o.name.substr(0, 34).c_str(), o.calls, o.seconds * 1e3,
              o.operations / 1e9, o.shapes.c_str());
  }
}

std::string profile_text(const StepProfile& p, const StepEstimate& estimate, const ProfileFlags& flags) {
  Lines lines;
  const double seconds = mean(p.seconds);
  lines.add("%.4g s per iteration (mean of %zu, median %.4g, with %d threads); at most %.0f MiB of memory\n", seconds,
            p.seconds.size(), median(p.seconds), at::get_num_threads(), p.peak_memory / 1048576);
  lines.add("estimate without running a step: %.4g s per iteration, %.0f MiB of tensors\n", estimate.seconds,
            estimate.memory / 1048576);
  add_phases(lines, p);
  if (flags.steps_only) return lines.text;
  lines.add("\nmeasured peak: %.0f GFLOP/s in float32, %.0f in bfloat16\n", p.peak_float32 / 1e9,
            p.peak_bfloat16 / 1e9);
  lines.add("the products alone: %.4g s at that peak, %.0f %% of the iteration\n", p.at_peak,
            100 * p.at_peak / seconds);
  lines.add("bound: %.4g s at the rates that matrix products of these shapes reach here, %.0f %% of the iteration\n",
            p.bound, 100 * p.bound / seconds);
  add_layers(lines, p, flags.rows);
  add_operators(lines, p, flags.rows);
  return lines.text;
}

int profile(const ProfileFlags& flags) {
  auto text = RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto recipe = read_recipe(text);
  if (!flags.data.empty()) recipe->data.path = flags.data;
  const auto numerics = start_computing(recipe->compute);
  if (!numerics.device.is_cpu() && !flags.steps_only)
    fail("profile", "layers and operators are timed on the CPU only, got the device '" + recipe->compute.device +
                        "', which computes while the program goes on. Hint: --steps-only times whole iterations");
  const Images images(*recipe, flags);
  const auto seed = static_cast<uint64_t>(recipe->seed);
  const auto family = recipe->model->build(images.infos, numerics, seed);
  auto options = flags.options;
  options.layers = !flags.steps_only;
  const auto result = profile_step(*family, images.by_name, seed, options);
  const auto estimate = estimate_step(*recipe, images.infos, numerics);
  print(flags.json ? json_of(result, estimate, flags).dump(1) + "\n" : profile_text(result, estimate, flags));
  return 0;
}

}  // namespace

void add_profile(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ProfileFlags>();
  auto* command =
      program.add_subcommand("profile", "show where the time of a training step goes, by layer and operator");
  command->add_option("recipe", flags->recipe, "recipe file (TOML)")->required();
  auto* data = command->add_option("--data", flags->data, "images; default: random noise of the recipe's size");
  add_integer(*command, "--classes", flags->classes, {0, 100'000}, "number of classes of the random noise; default: 10")
      ->excludes(data);
  add_set_flag(*command, flags->set, "override an option: --set precision=bfloat16 (repeatable)");
  add_integer(*command, "--iterations", flags->options.iterations, {1, 100'000},
              "number of iterations to time and record");
  add_integer(*command, "--warmup", flags->options.warmup, {0, 100'000}, "number of iterations before the timing");
  auto* rows = add_integer(*command, "--rows", flags->rows, {1, 100'000}, "largest number of rows of each table");
  command->add_flag("--steps-only", flags->steps_only, "time whole iterations only, without layers and operators")
      ->excludes(rows);
  command->add_flag("--json", flags->json, "print one JSON document, with all rows")->excludes(rows);
  command->callback([flags, &action] { action = [flags] { return profile(*flags); }; });
}

}  // namespace fqgan
