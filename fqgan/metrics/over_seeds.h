// One measurement of several: mean and standard deviation over the seeds of the generated images.
#pragma once

#include "fqgan/metrics/evaluate.h"

namespace fqgan {

/// The means of the values of at least two evaluations with the same names, and after each, unless it is a standard
/// deviation itself, its standard deviation (ddof 1) over them: "fid_seeds_std/classifier-1a2b3c4d". The warnings and
/// copies are those of the first.
Evaluation over_seeds(const std::vector<Evaluation>& evaluations);

}  // namespace fqgan
