// Historical averaging ("Improved Techniques for Training GANs", section 3.3): a player's objective gains
// strength * |theta - mean over its steps of theta|^2. The mean is kept as it goes, in as much memory as theta.
#pragma once

#include <string>

#include "fqgan/models/family.h"

namespace fqgan {

/// Lets the phase of this name, whose networks are those that it trains, do so; the means live in Family::state. After
/// Family::place. Strength 0: nothing. Reports "historical_averaging/<phase>", the term before its strength.
void add_historical_averaging(Family& family, const std::string& phase, double strength);

}  // namespace fqgan
