// Which metrics `fqgan evaluate` measures.
#pragma once

#include <string>
#include <vector>

#include "fqgan/cli/evaluate_sides.h"

namespace fqgan {

/// The metrics of a comparison, which can be measured between these sides. `asked`: of --metrics or the recipe; empty:
/// the default ones. Errors: UserError as check_metrics, and for options that would have no effect.
std::vector<std::string> checked_metrics(const EvaluateFlags& flags, std::vector<std::string> asked, const Sides& sides,
                                         const FeatureExtractor& extractor);

}  // namespace fqgan
