#include "fqgan/cli/inspect_data.h"

#include <filesystem>

#include "fqgan/cli/target.h"
#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/options.h"
#include "fqgan/core/standard_streams.h"
#include "fqgan/data/images/image_file.h"
#include "fqgan/data/survey.h"
#include "fqgan/plot/grid.h"

namespace fqgan {
namespace {

/// Only the table [data], so that overrides have the same form as in a recipe.
struct DataTable : Options {
  DataOptions data;
  void fields(FieldVisitor& visit) override { visit("data", data, about("the images")); }
};

Survey survey_of(const std::string& path, const std::vector<std::string>& set) {
  RecipeText text;
  for (const auto& assignment : set) text.set(assignment);
  DataTable table;
  read_options(text, table);
  table.data.path = path;
  return survey(table.data);
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
  if (!flags.pictures.empty()) check_pictures(flags);
  auto found = survey_of(flags.path, flags.set);
  if (!flags.against.empty()) {
    const auto overlap = overlap_warning(found, survey_of(flags.against, flags.set));
    if (!overlap.empty()) found.warnings.push_back(overlap);
  }
  if (!flags.pictures.empty()) write_pictures(found, flags.pictures);
  print(flags.json ? survey_json(found) : survey_text(found));
  return 0;
}

}  // namespace fqgan
