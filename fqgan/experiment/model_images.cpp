#include "fqgan/experiment/model_images.h"

#include "fqgan/experiment/recipe.h"

namespace fqgan {

DataOptions data_of_model(const Checkpoint& checkpoint, const std::string& where, const DataInfo& trained,
                          const std::vector<std::string>& set) {
  const auto recipe = checkpoint.metadata.find("recipe");
  auto text = recipe == checkpoint.metadata.end() ? RecipeText() : RecipeText::from_string(recipe->second, where);
  for (const auto* all_images : {"data.limit=none", "data.part=all", "data.labels_per_class=none", "data.held_out=none",
                                 "data.crop_margin=0", "data.split=none"})
    text.set(all_images);
  for (const auto& assignment : set) text.set(assignment);
  auto data = read_recipe(text)->data;
  data.resolution = trained.height;
  data.width = trained.width;
  data.channels = trained.channels;
  return data;
}

}  // namespace fqgan
