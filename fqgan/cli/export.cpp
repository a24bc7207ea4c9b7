// fqgan export CKPT_OR_RUN --out X.pt: exports the generator as TorchScript, or with --weights-only --out X.safetensors
// a smaller checkpoint to share.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/weights.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/generator_export.h"
#include "fqgan/inference/model.h"
#include "fqgan/inference/truncation.h"

namespace fqgan {
namespace {

struct ExportFlags {
  std::string checkpoint, out;
  bool weights_only = false, raw = false, force = false;
  std::optional<double> truncation;
};

int write_weights(const ExportFlags& flags) {
  check_target({flags.out, ".safetensors", "--out", flags.force, {flags.checkpoint}});
  const auto [path, checkpoint] = open_checkpoint(flags.checkpoint);
  save_checkpoint(flags.out, weights_only(checkpoint));
  log_info("wrote the weights of " + path + " to " + flags.out);
  return 0;
}

/// "z N x 128, class N"
std::string listed(const nlohmann::json& tensors) {
  std::string text;
  for (const auto& tensor : tensors) {
    text += (text.empty() ? "" : ", ") + tensor.at("name").get<std::string>();
    const char* before = " ";
    for (const auto& size : tensor.at("shape")) {
      text += before + (size.is_string() ? size.get<std::string>() : size.dump());
      before = " x ";
    }
  }
  return text;
}

int write_torchscript(const ExportFlags& flags) {
  check_target({flags.out, ".pt", "--out", flags.force, {flags.checkpoint}});
  const auto [path, checkpoint] = open_checkpoint(flags.checkpoint);
  const auto model = load_model(checkpoint, path, start_computing({}));
  GeneratorExport options;
  options.weights = flags.raw ? Weights::raw : Weights::average;
  options.truncation = flags.truncation;
  nlohmann::json description{{"fqgan", FQGAN_VERSION}, {"family", model.family_name}};
  if (const auto classes = model.family->drawn_classes()) {
    description["classes"] = classes;
    description["class_names"] = model.data.class_names;
  }
  options.description = description.dump();
  const auto traced = trace_generator(*model.family, options);
  save_torchscript(flags.out, traced);
  const auto json = nlohmann::json::parse(traced.description);
  log_info("largest difference from the images of fqgan sample: " + significant(traced.difference, 2));
  log_info("wrote the generator of " + path + " to " + flags.out + ": " + listed(json.at("inputs")) + " -> " +
           listed(json.at("outputs")));
  return 0;
}

}  // namespace

void add_export(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ExportFlags>();
  auto* command =
      program.add_subcommand("export", "export a generator as TorchScript, or a checkpoint with weights only");
  command->add_option("model", flags->checkpoint, "checkpoint, or run folder (its newest checkpoint)")->required();
  command
      ->add_option("--out", flags->out,
                   "file to write: X.pt (the generator as TorchScript), or X.safetensors with --weights-only")
      ->required();
  auto* weights = command->add_flag("--weights-only", flags->weights_only,
                                    "write a checkpoint with networks and averages only, which cannot be resumed");
  command->add_flag("--raw", flags->raw, "export the trained weights themselves, not their moving average")
      ->excludes(weights);
  add_number(*command, "--truncation", flags->truncation, {0, largest_truncation},
             "fixed truncation of the latents; default: truncation is an input of the exported module")
      ->excludes(weights);
  add_force_flag(*command, flags->force);
  command->callback([flags, &action] {
    action = [flags] { return flags->weights_only ? write_weights(*flags) : write_torchscript(*flags); };
  });
}

}  // namespace fqgan
