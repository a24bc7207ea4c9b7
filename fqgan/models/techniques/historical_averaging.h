// Historical averaging ("Improved Techniques for Training GANs", section 3.3): a player's objective gains
// strength * |theta - mean of theta over its steps|^2. The running mean takes as much memory as theta.
#pragma once

#include <string>

#include "fqgan/models/family.h"

namespace fqgan {

/// Adds the term to the phase of this name, for the networks that it trains; the means are kept in Family::state. Call
/// it after Family::place. Strength 0 adds nothing. Reports "historical_averaging/<phase>", the term without strength.
void add_historical_averaging(Family& family, const std::string& phase, double strength);

}  // namespace fqgan
