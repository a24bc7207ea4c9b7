#include "fqgan/experiment/recipe.h"

#include <filesystem>

#include "fqgan/models/registry.h"

namespace fqgan {

void Recipe::fields(FieldVisitor& visit) {
  visit("family", family, about("model family").one_of(family_names()));
  visit("seed", seed, about("seed of all random streams").at_least(0));
  compute.fields(visit);
  visit("data", data, about("the images"));
  visit("training", training, about("the length of the training and the intervals of its outputs"));
  visit("evaluation", evaluation, about("metrics during the training"));
  visit("samples", samples, about("sample grids during the training"));
  visit("model", *model, about("the family's own options"));
}

std::unique_ptr<Recipe> default_recipe(const std::string& family) {
  auto recipe = std::make_unique<Recipe>();
  recipe->model = family_options(family);
  recipe->family = family;
  return recipe;
}

std::unique_ptr<Recipe> read_recipe(const RecipeText& text) {
  auto recipe = default_recipe(text.get("family", "biggan"));
  read_options(text, *recipe);
  return recipe;
}

void read_data_from(Recipe& recipe, const std::string& path) {
  recipe.data.path = std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace fqgan
