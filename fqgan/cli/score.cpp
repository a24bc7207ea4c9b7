// fqgan score CKPT IMAGES: scores images by the discriminator's logits, and the codes and errors of its quantizers.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/core/text.h"
#include "fqgan/data/dataset.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/experiment/model_images.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/model.h"
#include "fqgan/inference/scoring.h"

namespace fqgan {
namespace {

using nlohmann::ordered_json;

struct ScoreFlags {
  std::string checkpoint, images, out;
  std::vector<std::string> set;
  bool json = false, force = false;
  ComputeOptions compute;
};

ordered_json describe(const Scores& scores, const Dataset& dataset) {
  const auto& logits = scores.logits;
  ordered_json document{{"images", dataset.info().images},
                        {"logit", {{"mean", logits.mean().item<double>()}, {"std", logits.std(false).item<double>()}}}};
  for (const auto& [name, tap] : scores.taps) {
    document["taps"][name] = {{"error", tap.errors.mean().item<double>()},
                              {"perplexity", perplexity_of(tap.codes)},
                              {"used_codes", std::get<0>(at::_unique(tap.codes)).numel()}};
  }
  for (int64_t i = 0; i < logits.size(0); ++i)
    document["scores"].push_back({{"name", dataset.name(i)}, {"logit", logits[i].item<double>()}});
  return document;
}

void write_tensors(const std::string& path, const Scores& scores) {
  Checkpoint file;
  file.tensors["logits"] = scores.logits;
  for (const auto& [name, tap] : scores.taps) {
    file.tensors["codes." + name] = tap.codes;
    file.tensors["error." + name] = tap.errors;
  }
  save_checkpoint(path, file);
}

int score(const ScoreFlags& flags) {
  check_data_settings(flags.set, settings_decided_by_model());
  check_force(flags.force, {flags.out});
  if (!flags.out.empty())
    check_target({flags.out, ".safetensors", "--out", flags.force, {flags.checkpoint, flags.images}});
  const auto [path, checkpoint] = open_checkpoint(flags.checkpoint);
  if (const auto untrained = checkpoint.metadata.find(untrained_key); untrained != checkpoint.metadata.end())
    fail(path, "expected a checkpoint with a trained " + untrained->second +
                   ", got one without. Hint: " + command_line({"import", "...", "--discriminator", "D.safetensors"}));
  const auto numerics = start_computing(flags.compute);
  const auto model = load_model(checkpoint, path, numerics);
  auto data = data_of_model(checkpoint, path, model.data, flags.set);
  data.path = flags.images;
  const auto dataset = open_dataset(data);
  const auto scores = score_images(*model.family, model.data, *dataset, [&](int64_t done) {
    log_status(std::to_string(done) + "/" + std::to_string(dataset->info().images) + " images");
  });
  log_status("");
  if (!flags.out.empty()) write_tensors(flags.out, scores);
  const auto document = describe(scores, *dataset);
  if (flags.json) {
    print(document.dump(2) + "\n");
    return 0;
  }
  auto text = plural(dataset->info().images, "image") + ", logit " + document["logit"]["mean"].dump() + " +- " +
              document["logit"]["std"].dump() + "\n";
  const auto taps = document.value("taps", ordered_json::object());  // must outlive items()
  for (const auto& [name, tap] : taps.items())
    text += name + ": error " + tap["error"].dump() + ", perplexity " + tap["perplexity"].dump() + ", " +
            tap["used_codes"].dump() + " codes used\n";
  print(text);
  return 0;
}

}  // namespace

void add_score(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ScoreFlags>();
  auto* command = program.add_subcommand("score", "score images with a trained discriminator");
  command->add_option("model", flags->checkpoint, "checkpoint, or run folder (its newest checkpoint)")->required();
  command->add_option("images", flags->images, "images: a folder, one folder per class, a zip, or IDX files")
      ->required();
  command->add_option("--out", flags->out,
                      "write X.safetensors with `logits` (N), and for each quantized tap `codes.<tap>` (N x H x W) and "
                      "`error.<tap>` (N)");
  add_set_flag(*command, flags->set, "set an option for reading the images: --set data.fit=crop (repeatable)");
  command->add_flag("--json", flags->json, "print one JSON document, with the logit of every image");
  add_force_flag(*command, flags->force);
  add_compute_flags(*command, flags->compute);
  command->callback([flags, &action] { action = [flags] { return score(*flags); }; });
}

}  // namespace fqgan
