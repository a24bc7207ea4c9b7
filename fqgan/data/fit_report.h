// Says in words what was done to the images of a data set when they were brought to its size.
#pragma once

#include <string>
#include <vector>

#include "fqgan/data/dataset.h"

namespace fqgan {

/// One line for each kind of change, with the number of images and the options that decide it; empty if the images are
/// used as they are. `options`: those with which the data set was opened.
std::vector<std::string> fit_report(const DataInfo& info, const Changes& changes, const FitOptions& options);

}  // namespace fqgan
