#include "fqgan/cli/evaluate_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <sstream>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/inference/truncation.h"
#include "fqgan/metrics/conventions.h"
#include "fqgan/metrics/statistics_file.h"

namespace fqgan {
namespace {

std::vector<std::string> separated(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream parts(list);
  for (std::string name; std::getline(parts, name, ',');)
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

/// Saved statistics have one of two forms.
std::string statistics_ending(const std::string& path) {
  if (is_npz(path)) return ".npz";
  if (path.ends_with(".safetensors")) return ".safetensors";
  fail("--save-statistics", "expected a name that ends in .safetensors or .npz, got '" + path + "'");
}

}  // namespace

std::vector<std::string> named_metrics(const EvaluateFlags& flags) {
  if (flags.json != no_json && flags.json != json_of_fqgan && flags.json != json_of_torch_fidelity)
    fail("--json", std::string("expected --json or --json=") + json_of_torch_fidelity + ", got '" + flags.json + "'");
  auto names = separated(flags.metrics);
  if (names.empty() && flags.given("--metrics"))
    fail("--metrics", "expected names of metrics, got '" + flags.metrics + "'");
  for (const auto& name : names) metric_named(name, "--metrics");
  return names;
}

std::string table_beside(const std::string& picture) {
  return std::filesystem::path(picture).replace_extension(".csv").string();
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

void add_evaluate_flags(CLI::App& command, EvaluateFlags& flags) {
  std::vector<std::string> known;
  std::string meanings = "Metrics:\n";
  for (const auto& metric : metrics()) {
    known.push_back(metric.name);
    meanings += "  " + metric.name + std::string(14 - metric.name.size(), ' ') + metric.meaning + "\n";
  }
  command.footer(meanings + "\nFeature extractors:\n" + feature_help());
  command
      .add_option("generated", flags.path, "images (folder, zip, data set), a run, a checkpoint or saved statistics")
      ->required();
  command.add_option(
      "--against", flags.against,
      "reference, of the same kinds; default for a run: as in its recipe, which is the held-out images or the test "
      "split of its data, else its training images");
  command.add_option("--training", flags.training,
                     "images that the generator was trained on, for auth, c_t and copied; default for a run: those of "
                     "its recipe");
  command.add_option(
      "--metrics", flags.metrics,
      "comma-separated list of " + join(known) + "; default: those of the run's recipe, else fid, kid and accuracy");
  command
      .add_option("--features", flags.features.features,
                  "feature extractor, see below; of a run: its recipe's, like --count, --seed, --truncation, --raw, "
                  "--direction, --device, --precision and --threads")
      ->capture_default_str();
  command.add_option(
      "--weights", flags.features.weights,
      "safetensors file with the weights of inception or efficientnet-lite; default: in the cache folder");
  command.add_option("--convention", flags.features.convention,
                     "measure with inception as this tool does: " + join(convention_names()) +
                         "; default: " + convention_names().front());
  command
      .add_option("--feature-precision", flags.features.precision,
                  "activations of inception and efficientnet-lite: float32, or bfloat16, which is faster and deviates "
                  "slightly")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  add_integer(command, "--count", flags.generated.count, {1, most_images},
              "number of images that a run or checkpoint generates, with the classes in turn (for ppl: of pairs)");
  add_seed(command, flags.generated.seed, "seed of the generated images");
  add_integer(command, "--seeds", flags.seeds, {1, 1000},
              "number of seeds (--seed and those after it); the values are means, with standard deviations");
  add_number(command, "--truncation", flags.generated.options.truncation, {0, largest_truncation},
             "truncation of the generated images' latents, as in fqgan sample");
  command.add_flag("--raw", flags.raw, "generate with the trained weights themselves, not their moving average");
  command.add_option("--source", flags.generated.source, "source images for a model that translates images");
  command.add_option("--direction", flags.generated.options.direction,
                     "direction of a model that translates images, such as a2b; default: its first one");
  add_set_flag(command, flags.set,
               "set an option, such as kid.subset_size=500, data.resolution=32, against.split=test or bootstrap=100 "
               "(repeatable)");
  command.add_option("--save-statistics", flags.save_statistics,
                     "write the statistics of the first side for later fid, as X.safetensors or as X.npz, which "
                     "pytorch-fid and clean-fid read");
  command.add_option("--neighbours", flags.neighbours,
                     "write the generated images with their nearest training images: the nearest pairs as PAIRS.png, "
                     "all as PAIRS.csv beside it; also measures copied");
  command.add_flag("--json", flags.json, "print one JSON document; --json=torch-fidelity: with the keys of that tool");
  add_force_flag(command, flags.force);
  add_compute_flags(command, flags.compute);
  flags.given = [&command](const std::string& flag) { return command.count(flag) > 0; };
}

}  // namespace fqgan
