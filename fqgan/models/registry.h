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

using MakeFamilyOptions = std::unique_ptr<FamilyOptions> (*)();
template <class T>
std::unique_ptr<FamilyOptions> make_options() {
  return std::make_unique<T>();
}

/// Adds a family from outside of the library (a program that uses it, or a test). Call it before all else. Errors:
/// InternalError when the name is taken.
void add_family(const std::string& name, MakeFamilyOptions make);

}  // namespace fqgan
