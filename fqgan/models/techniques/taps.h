// Checks of tap names in recipes.
#pragma once

#include <string>
#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/nn/taps.h"

namespace fqgan {

std::vector<std::string> names_of(const std::vector<TapPoint>& points);

/// Adds a problem that lists the known taps when `name` is not one of them.
void check_tap(const std::string& key, const std::string& name, const std::vector<std::string>& known,
               Problems& problems);

}  // namespace fqgan
