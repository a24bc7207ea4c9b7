// fqgan export CKPT_OR_RUN --out X.pt: exports the generator as TorchScript; with --weights-only --out X.safetensors a
// smaller checkpoint to share; with --to PROJECT --out FOLDER the weights as another project has them.
#include "fqgan/models/stylegan2/export.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "fqgan/checkpoint/weights.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/options.h"
#include "fqgan/core/text.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/inference/checkpoints.h"
#include "fqgan/inference/generator_export.h"
#include "fqgan/inference/model.h"
#include "fqgan/inference/truncation.h"
#include "fqgan/models/registry.h"

namespace fqgan {
namespace {

struct ExportFlags {
  std::string checkpoint, out, to, part = "whole", noise = "constant";
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

/// The tensors whose names begin with this prefix, without it.
std::map<std::string, torch::Tensor> tensors_under(const Checkpoint& checkpoint, const std::string& prefix) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (name.starts_with(prefix)) tensors.emplace(name.substr(prefix.size()), tensor);
  return tensors;
}

/// G, G_ema and D as stylegan2-ada-pytorch has them, by the names of their files.
std::map<std::string, ForeignWeights> stylegan2_networks(const Checkpoint& checkpoint, const std::string& path) {
  const auto model = load_model(checkpoint, path, start_computing({}));
  if (model.family_name != "stylegan2")
    fail("--to", "expected a model of the family 'stylegan2', got one of '" + model.family_name + "'");
  StyleGan2Options options;
  read_options(RecipeText::from_string(checkpoint.metadata.at("model"), path), options);
  std::map<std::string, ForeignWeights> networks;
  const auto add = [&](const std::string& name, const std::string& prefix, auto convert) {
    const auto tensors = tensors_under(checkpoint, prefix);
    if (!tensors.empty()) networks.emplace(name, convert(tensors, options, model.data));
  };
  add("G", "network.generator.", export_stylegan2_generator);
  add("G_ema", "average.generator.", export_stylegan2_generator);
  if (!checkpoint.metadata.contains(untrained_key)) add("D", "network.discriminator.", export_stylegan2_discriminator);
  return networks;
}

int write_for_project(const ExportFlags& flags) {
  const std::filesystem::path folder(flags.out);
  for (const char* name : {"G", "G_ema", "D"})
    check_target(
        {folder / (std::string(name) + ".safetensors"), ".safetensors", "--out", flags.force, {flags.checkpoint}});
  const auto [path, checkpoint] = open_checkpoint(flags.checkpoint);
  for (const auto& [name, weights] : stylegan2_networks(checkpoint, path)) {
    const auto file = (folder / (name + ".safetensors")).string();
    save_checkpoint(file, {weights.tensors, weights.metadata});
    log_info("wrote " + file + ": " + std::to_string(weights.tensors.size()) + " tensors");
  }
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
  options.part = flags.part == "mapping"     ? GeneratorPart::mapping
                 : flags.part == "synthesis" ? GeneratorPart::synthesis
                                             : GeneratorPart::whole;
  options.noise = flags.noise == "none" ? NoiseMode::none : NoiseMode::constant;
  nlohmann::json description{{"fqgan", FQGAN_VERSION}, {"family", model.family_name}};
  if (const auto classes = model.family->drawn_classes()) {
    description["classes"] = classes;
    description["class_names"] = model.data.class_names;
  }
  options.description = description.dump();
  const auto traced = trace_generator(*model.family, options);
  save_torchscript(flags.out, traced);
  const auto json = nlohmann::json::parse(traced.description);
  log_info("largest difference from the results of the program: " + significant(traced.difference, 2));
  log_info("wrote " + (flags.part == "whole" ? std::string("the generator") : "the " + flags.part) + " of " + path +
           " to " + flags.out + ": " + listed(json.at("inputs")) + " -> " + listed(json.at("outputs")));
  return 0;
}

}  // namespace

void add_export(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ExportFlags>();
  auto* command =
      program.add_subcommand("export",
                             "export a generator as TorchScript, a checkpoint with weights only, or weights "
                             "for another project");
  command->add_option("model", flags->checkpoint, "checkpoint, or run folder (its newest checkpoint)")->required();
  command
      ->add_option("--out", flags->out,
                   "X.pt (the generator as TorchScript), X.safetensors with --weights-only, a folder with --to")
      ->required();
  auto* weights = command->add_flag("--weights-only", flags->weights_only,
                                    "write a checkpoint with networks and averages only, which cannot be resumed");
  auto* raw = command->add_flag("--raw", flags->raw, "export the trained weights themselves, not their moving average")
                  ->excludes(weights);
  auto* to = add_choice(*command, "--to", flags->to, {"stylegan2-ada-pytorch"},
                        "write G.safetensors, G_ema.safetensors and D.safetensors for the networks of this project")
                 ->excludes(weights)
                 ->excludes(raw);
  add_number(
      *command, "--truncation", flags->truncation, {0, largest_truncation},
      "fixed truncation of the latents; default: truncation (psi for StyleGAN2) is an input of the exported module")
      ->excludes(weights)
      ->excludes(to);
  add_choice(*command, "--part", flags->part, {"whole", "mapping", "synthesis"},
             "the part of a generator with a mapping network: z to images, z to w, or w to images")
      ->excludes(weights)
      ->excludes(to);
  add_choice(*command, "--noise", flags->noise, {"constant", "none"},
             "noise of a StyleGAN2 generator: the layers' own constant noise, or none")
      ->excludes(weights)
      ->excludes(to);
  add_force_flag(*command, flags->force);
  command->callback([flags, &action] {
    action = [flags] {
      if (!flags->to.empty()) return write_for_project(*flags);
      return flags->weights_only ? write_weights(*flags) : write_torchscript(*flags);
    };
  });
}

}  // namespace fqgan
