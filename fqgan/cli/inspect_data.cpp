#include "fqgan/cli/inspect_data.h"

#include <filesystem>

#include "fqgan/cli/flags.h"
#include "fqgan/cli/target.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/standard_streams.h"
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

const char* const picture_names[] = {"contact.png", "mean.png"};

void check_pictures(const InspectDataFlags& flags) {
  for (const auto* name : picture_names)
    check_target({(std::filesystem::path(flags.pictures) / name).string(),
                  ".png",
                  "--pictures",
                  flags.force,
                  {flags.path, flags.against}});
}

void write_pictures(const Survey& found, const std::filesystem::path& folder) {
  make_folder(folder);
  GridOptions grid;
  grid.columns = found.contact_columns;
  grid.row_labels = found.contact_labels;
  const auto [contact, mean] = std::pair(folder / picture_names[0], folder / picture_names[1]);
  write_png(contact, make_grid(found.contact, grid));
  write_png(mean, make_grid(found.mean.unsqueeze(0), {}));
  log_info("wrote " + contact.string() + " and " + mean.string());
}

}  // namespace

int inspect_data(const InspectDataFlags& flags) {
  check_data_settings(flags.set, {{"path", "the images are those of the command line"},
                                  {"flip", "only a training mirrors images"},
                                  {"crop_margin", "only a training makes random crops"}});
  if (!flags.pictures.empty()) check_pictures(flags);
  auto found = survey_of(flags.path, flags);
  if (!flags.against.empty()) {
    const auto overlap = overlap_warning(found, survey_of(flags.against, flags));
    if (!overlap.empty()) found.warnings.push_back(overlap);
  }
  if (!flags.pictures.empty()) write_pictures(found, flags.pictures);
  print(flags.json ? survey_json(found) : survey_text(found));
  return 0;
}

}  // namespace fqgan
