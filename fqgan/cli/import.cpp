// fqgan import --from biggan-pytorch --recipe R --generator G.safetensors ... --out X.safetensors: makes a checkpoint
// of weights of another project.
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
#include "fqgan/models/weights.h"
#include "fqgan/nn/copy.h"

namespace fqgan {
namespace {

struct ImportFlags {
  std::string from, recipe, generator, discriminator, average, out;
  std::vector<std::string> set;
  bool force = false;
};

ForeignWeights read_weights(const std::string& path) {
  return {path, load_checkpoint(path, /*require_ours=*/false).tensors};
}

int import_weights(const ImportFlags& flags) {
  check_target({flags.out,
                ".safetensors",
                "--out",
                flags.force,
                {flags.recipe, flags.generator, flags.discriminator, flags.average}});
  auto text = RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  const auto recipe = read_recipe(text);
  if (recipe->family != "biggan")
    fail("--from", "expected a recipe with family = \"biggan\" for these weights, got '" + recipe->family + "'");
  if (!recipe->data.resolution)
    fail("data.resolution",
         "expected the size of the images, which the weights do not contain, got none. Hint: --set data.resolution=32");
  const auto generator = read_weights(flags.generator);
  auto data = data_of_biggan_generator(generator, *recipe->data.resolution,
                                       recipe->data.width.value_or(*recipe->data.resolution));
  const auto& names = recipe->data.class_names;
  if (static_cast<int64_t>(names.size()) == data.classes) data.class_names = names;
  const auto infos = infos_of(recipe->model->datasets(), data);
  const auto family = recipe->model->build(infos, {}, static_cast<uint64_t>(recipe->seed));

  import_biggan(*family->networks.at("generator"), generator);
  auto& average = *family->averages.at("generator").network;
  if (flags.average.empty())
    copy_state(*family->networks.at("generator"), average);
  else
    import_biggan(average, read_weights(flags.average));
  Checkpoint checkpoint;
  checkpoint.metadata = model_metadata(recipe->family, *recipe->model, infos, static_cast<uint64_t>(recipe->seed));
  checkpoint.metadata["recipe"] = write_options(*recipe);
  checkpoint.metadata["imported_from"] = flags.from;
  checkpoint.metadata["fqgan"] = FQGAN_VERSION;
  if (flags.discriminator.empty())
    checkpoint.metadata[untrained_key] = "discriminator";
  else
    import_biggan(*family->networks.at("discriminator"), read_weights(flags.discriminator));
  for (const auto& [name, tensor] : family_tensors(*family)) checkpoint.tensors.emplace(name, tensor.detach());
  save_checkpoint(flags.out, weights_only(checkpoint));
  log_info("wrote " + flags.out + ": " + std::to_string(data.height) + " x " + std::to_string(data.width) +
           " pixels, " + (data.classes ? std::to_string(data.classes) + " classes" : "no classes") +
           (flags.discriminator.empty() ? ", without a trained discriminator" : ""));
  return 0;
}

}  // namespace

void add_import(CLI::App& program, Action& action) {
  auto flags = std::make_shared<ImportFlags>();
  auto* command =
      program.add_subcommand("import", "import weights of another project (safetensors files with its tensor names)");
  add_choice(*command, "--from", flags->from, {"biggan-pytorch"},
             "project of the weights: biggan-pytorch (also for FQ-GAN's BigGAN)")
      ->required();
  command->add_option("--recipe", flags->recipe, "recipe file (TOML) with the architecture and data.resolution")
      ->required();
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
