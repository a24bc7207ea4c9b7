// fqgan import --from PROJECT --generator G.safetensors ... --out X.safetensors: makes a checkpoint of weights of
// another project.
#include "fqgan/models/biggan/import.h"

#include <CLI/CLI.hpp>

#include "fqgan/checkpoint/weights.h"
#include "fqgan/cli/flags.h"
#include "fqgan/cli/program.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/inference/model.h"
#include "fqgan/models/stylegan2/import.h"
#include "fqgan/models/weights.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

struct ImportFlags {
  std::string from, recipe, generator, discriminator, average, out;
  std::vector<std::string> set;
  bool force = false;
};

/// Finds out about the images, and sets the options of a recipe that was not given, or checks those of a given one.
using Fit = std::function<DataInfo(Recipe& recipe, const ForeignNetworks& networks, bool given)>;

DataInfo fit_biggan(Recipe& recipe, const ForeignNetworks& networks, bool given) {
  if (!given) fail("--recipe", "expected a recipe with the architecture, which these weights do not contain, got none");
  if (!recipe.data.resolution)
    fail("data.resolution",
         "expected the size of the images, which the weights do not contain, got none. Hint: --set data.resolution=32");
  const auto height = *recipe.data.resolution;
  return data_of_biggan_generator(networks.generator, height, recipe.data.width.value_or(height));
}

DataInfo fit_stylegan2(Recipe& recipe, const ForeignNetworks& networks, bool given) {
  auto& options = dynamic_cast<StyleGan2Options&>(*recipe.model);
  given ? check_stylegan2_options(options, networks) : set_stylegan2_options(options, networks);
  const auto data = data_of_stylegan2(networks.generator);
  const auto height = recipe.data.resolution.value_or(data.height);
  if (height != data.height || (recipe.data.resolution && recipe.data.width.value_or(height) != data.width))
    fail("data.resolution", "expected the size of the weights, " + std::to_string(data.height) + " x " +
                                std::to_string(data.width) + ", got another one");
  return data;
}

struct Project {
  std::string name, family, also;
  Fit fit;
  void (*copy)(torch::nn::Module& network, const ForeignWeights& weights);
};

/// The projects whose weights can be imported; a new one adds one line.
const std::vector<Project>& projects() {
  static const std::vector<Project> table = {
      {"biggan-pytorch", "biggan", "FQ-GAN's BigGAN", fit_biggan, import_biggan},
      {"stylegan2-ada-pytorch", "stylegan2", "stylegan3 --cfg=stylegan2", fit_stylegan2, import_stylegan2},
  };
  return table;
}

const Project& project_named(const std::string& name) {
  return *std::find_if(projects().begin(), projects().end(), [&](const auto& one) { return one.name == name; });
}

ForeignWeights read_weights(const std::string& path) {
  auto file = load_checkpoint(path, /*require_ours=*/false);
  return {path, std::move(file.tensors), std::move(file.metadata)};
}

ForeignNetworks read_networks(const ImportFlags& flags) {
  ForeignNetworks networks{read_weights(flags.generator)};
  if (!flags.discriminator.empty()) networks.discriminator = read_weights(flags.discriminator);
  if (!flags.average.empty()) networks.average = read_weights(flags.average);
  return networks;
}

std::unique_ptr<Recipe> read_given_recipe(const ImportFlags& flags, const std::string& family) {
  auto text = RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto recipe = read_recipe(text);
  if (recipe->family != family)
    fail("--from",
         "expected a recipe with family = \"" + family + "\" for these weights, got '" + recipe->family + "'");
  return recipe;
}

/// The type of the checkpoint: float64 for weights in float64.
Numerics numerics_of(const ForeignWeights& weights) {
  Numerics numerics;
  const auto is_double = [](const auto& entry) { return entry.second.scalar_type() == torch::kDouble; };
  if (std::any_of(weights.tensors.begin(), weights.tensors.end(), is_double)) numerics.compute = torch::kDouble;
  return numerics;
}

void copy_networks(Family& family, const ForeignNetworks& networks, const Project& project) {
  project.copy(*family.networks.at("generator"), networks.generator);
  auto& average = *family.averages.at("generator").network;
  if (networks.average)
    project.copy(average, *networks.average);
  else
    copy_state(*family.networks.at("generator"), average);
  if (networks.discriminator) project.copy(*family.networks.at("discriminator"), *networks.discriminator);
}

int import_weights(const ImportFlags& flags) {
  check_target({flags.out,
                ".safetensors",
                "--out",
                flags.force,
                {flags.recipe, flags.generator, flags.discriminator, flags.average}});
  const auto& project = project_named(flags.from);
  const bool given = !flags.recipe.empty();
  if (!given && !flags.set.empty()) fail("--set", "expected it with --recipe only, got it without one");
  const auto recipe = given ? read_given_recipe(flags, project.family) : default_recipe(project.family);
  const auto networks = read_networks(flags);
  auto data = project.fit(*recipe, networks, given);
  read_recipe(RecipeText::from_string(write_options(*recipe), flags.generator));  // numbers of the metadata in range
  const auto& names = recipe->data.class_names;
  if (static_cast<int64_t>(names.size()) == data.classes) data.class_names = names;
  const auto infos = infos_of(recipe->model->datasets(), data);
  const auto seed = static_cast<uint64_t>(recipe->seed);
  const auto family = recipe->model->build(infos, numerics_of(networks.generator), seed);
  copy_networks(*family, networks, project);

  Checkpoint checkpoint;
  checkpoint.metadata = model_metadata(recipe->family, *recipe->model, infos, seed);
  checkpoint.metadata["recipe"] = write_options(*recipe);
  checkpoint.metadata["imported_from"] = flags.from;
  checkpoint.metadata["fqgan"] = FQGAN_VERSION;
  if (!networks.discriminator) checkpoint.metadata[untrained_key] = "discriminator";
  for (const auto& [name, tensor] : family_tensors(*family)) checkpoint.tensors.emplace(name, tensor.detach());
  save_checkpoint(flags.out, weights_only(checkpoint));
  log_info("wrote " + flags.out + ": " + std::to_string(data.height) + " x " + std::to_string(data.width) +
           " pixels, " + (data.classes ? std::to_string(data.classes) + " classes" : "no classes") +
           (networks.discriminator ? "" : ", without a trained discriminator"));
  return 0;
}

}  // namespace

void add_import(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ImportFlags>();
  auto* command =
      program.add_subcommand("import", "import weights of another project (safetensors files with its tensor names)");
  std::vector<std::string> names;
  std::string meaning;
  for (const auto& project : projects()) {
    names.push_back(project.name);
    meaning +=
        (meaning.empty() ? "project of the weights: " : ", ") + project.name + " (also for " + project.also + ")";
  }
  add_choice(*command, "--from", flags->from, names, meaning)->required();
  command->add_option("--recipe", flags->recipe,
                      "recipe file (TOML) with the architecture, and with data.resolution for biggan-pytorch; "
                      "default: for stylegan2-ada-pytorch, what the weights and their metadata say");
  command->add_option("--generator", flags->generator, "safetensors file of the generator")->required();
  command->add_option("--discriminator", flags->discriminator,
                      "safetensors file of the discriminator; default: none, the checkpoint can only generate images");
  command->add_option("--average", flags->average,
                      "safetensors file of the averaged generator; default: the generator's");
  add_set_flag(*command, flags->set, "override an option of the recipe: --set data.resolution=32 (repeatable)");
  command->add_option("--out", flags->out, "checkpoint to write, X.safetensors")->required();
  add_force_flag(*command, flags->force);
  command->callback([flags, &action] { action = [flags] { return import_weights(*flags); }; });
}

}  // namespace fqgan
