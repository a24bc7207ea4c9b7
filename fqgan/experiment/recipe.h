// A recipe: the complete description of an experiment. It is read from TOML, and written with all defaults into the run
// folder and every checkpoint.
#pragma once

#include <memory>

#include "fqgan/core/options.h"
#include "fqgan/data/dataset.h"
#include "fqgan/experiment/compute.h"
#include "fqgan/experiment/evaluation_options.h"
#include "fqgan/models/family.h"
#include "fqgan/training/options.h"

namespace fqgan {

struct Recipe : Options {
  std::string family = "biggan";
  int64_t seed = 0;
  ComputeOptions compute;  // top-level fields of the recipe
  DataOptions data;
  TrainingOptions training;
  EvaluationOptions evaluation;
  GenerationOptions samples;             // for the sample grids
  std::unique_ptr<FamilyOptions> model;  // the family's options, made before the fields are read
  void fields(FieldVisitor& visit) override;
};

/// Reads `text` over the defaults of the family that it names. Errors: UserError as read_options.
std::unique_ptr<Recipe> read_recipe(const RecipeText& text);
/// Lets the recipe read its data from `path`, which is kept from the root, because a resume may start elsewhere.
void read_data_from(Recipe& recipe, const std::string& path);
/// The defaults of a family.
std::unique_ptr<Recipe> default_recipe(const std::string& family);

}  // namespace fqgan
