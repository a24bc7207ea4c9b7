#include "fqgan/cli/inspect_data.h"

#include <filesystem>
#include <iostream>

#include "fqgan/cli/flags.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/data/survey.h"
#include "fqgan/experiment/recipe.h"
#include "fqgan/plot/grid.h"

namespace fqgan {
namespace {

Survey survey_of(const std::string& path, const InspectDataFlags& flags) {
  auto text = flags.recipe.empty() ? RecipeText() : RecipeText::from_file(flags.recipe);
  for (const auto& assignment : flags.set) text.set(assignment);
  auto data = read_recipe(text)->data;
  data.path = path;
  return survey(data);
}

void write_pictures(const Survey& found, const std::filesystem::path& folder) {
  make_folder(folder);
  GridOptions grid;
  grid.columns = found.contact_columns;
  grid.row_labels = found.contact_labels;
  write_png(folder / "contact.png", make_grid(found.contact, grid));
  write_png(folder / "mean.png", make_grid(found.mean.unsqueeze(0), {}));
  log_info("wrote " + (folder / "contact.png").string() + " and " + (folder / "mean.png").string());
}

}  // namespace

int inspect_data(const InspectDataFlags& flags) {
  check_data_settings(flags.set, {{"path", "the images are those of the command line"},
                                  {"flip", "only a training mirrors images"},
                                  {"crop_margin", "only a training makes random crops"}});
  auto found = survey_of(flags.path, flags);
  if (!flags.against.empty()) {
    const auto overlap = overlap_warning(found, survey_of(flags.against, flags));
    if (!overlap.empty()) found.warnings.push_back(overlap);
  }
  std::cout << (flags.json ? survey_json(found) : survey_text(found)) << std::flush;
  if (!flags.pictures.empty()) write_pictures(found, flags.pictures);
  return 0;
}

}  // namespace fqgan
