// The table of model families.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/models/family.h"

namespace fqgan {

/// The options of a family with their defaults. Errors: UserError that lists the families, with "did you mean".
std::unique_ptr<FamilyOptions> family_options(const std::string& name);
std::vector<std::string> family_names();

}  // namespace fqgan
