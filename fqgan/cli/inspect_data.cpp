#include "fqgan/cli/inspect_data.h"

#include <filesystem>
#include <iostream>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/options.h"
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
  auto found = survey_of(flags.path, flags.set);
  if (!flags.against.empty()) {
    const auto overlap = overlap_warning(found, survey_of(flags.against, flags.set));
    if (!overlap.empty()) found.warnings.push_back(overlap);
  }
  std::cout << (flags.json ? survey_json(found) : survey_text(found)) << std::flush;
  if (!flags.pictures.empty()) write_pictures(found, flags.pictures);
  return 0;
}

}  // namespace fqgan
