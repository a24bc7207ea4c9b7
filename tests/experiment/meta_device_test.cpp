// One iteration of every recipe and of every family on the `meta` device, where a tensor that was left on the CPU is an
// error: what would break on an accelerator shows without one.
#include <algorithm>
#include <filesystem>

#include "fqgan/experiment/recipe.h"
#include "fqgan/experiment/training_sets.h"
#include "fqgan/models/registry.h"
#include "fqgan/profiling/noise_images.h"
#include "fqgan/training/loop.h"
#include "stubs/stub_families.h"
#include "support/meta_operators.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

std::vector<std::string> recipes() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("recipes"))
    if (entry.path().extension() == ".toml" && entry.path().parent_path().filename() != "sweeps")
      paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

int64_t classes_of(const Recipe& recipe) {
  return recipe.data.class_names.empty() ? 10 : static_cast<int64_t>(recipe.data.class_names.size());
}

/// All phases once, with noise for images.
void iterate_on_meta(const Recipe& recipe, int64_t channels, int64_t size) {
  const NoiseImages images(channels, size, size, classes_of(recipe));
  Numerics numerics;
  numerics.device = torch::kMeta;
  const auto infos = infos_of(recipe.model->datasets(), images.info());
  const auto family = recipe.model->build(infos, numerics, 1);
  LoopOptions options;
  options.seed = 1;
  Loop loop(*family, everywhere(*recipe.model, images), options);
  ASSERT_NO_THROW(loop.iterate());
  for (const auto& [name, network] : family->networks)
    for (const auto& parameter : network->parameters()) EXPECT_TRUE(parameter.is_meta()) << name;
}

TEST(MetaDevice, RunsAnIterationOfEveryRecipe) {
  add_meta_operators();
  ASSERT_GT(recipes().size(), 15u);
  for (const auto& path : recipes()) {
    SCOPED_TRACE(path);
    auto text = RecipeText::from_file(path);
    const bool biggan = text.get("family", "biggan") == "biggan";
    // Drawing weights takes long at full width, and no device sees how many there are.
    if (biggan)
      for (const auto* quick : {"initialisation=normal", "generator.width=16", "discriminator.width=16"})
        text.set("model." + std::string(quick));
    text.set("model.batch=8");
    const auto recipe = read_recipe(text);
    const bool mnist = path.find("mnist") != std::string::npos;
    iterate_on_meta(*recipe, mnist || path.ends_with("quickstart.toml") ? 1 : 3,
                    recipe->data.resolution.value_or(mnist ? 28 : 32));
  }
}

TEST(MetaDevice, RunsAnIterationOfEveryFamily) {
  add_meta_operators();
  add_stub_families();
  for (const auto& name : family_names()) {
    SCOPED_TRACE(name);
    auto recipe = default_recipe(name);
    const bool stub = name.starts_with("stub_");
    if (name == "biggan") {
      RecipeText text = RecipeText::from_string(
          "family = \"biggan\"\n[model]\nbatch = 8\nshare_fakes = true\n[model.generator]\nwidth = 8\nnorm = "
          "\"virtual_batch\"\nhistorical_averaging = 0.1\n[model.discriminator]\nwidth = 8\ngradient_penalty = 1\n"
          "noise = 0.1\n[model.quantizer]\ntaps = [\"block0\", \"block2\"]\naverage = \"zero_debiased\"\norder = "
          "\"real_then_fake\"\n",
          "options");
      recipe = read_recipe(text);
    }
    recipe->model->batch = 4;
    iterate_on_meta(*recipe, stub ? 1 : 3, stub ? 8 : 32);
  }
}

}  // namespace
}  // namespace fqgan::test
