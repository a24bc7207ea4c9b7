// Options that have no effect because of another option, such as a seed of a choice that is not made.
#pragma once

#include <string>
#include <vector>

#include "fqgan/data/dataset.h"

namespace fqgan {

struct UnusedOption {
  std::string key;   // "labels_seed"
  std::string need;  // "data.labels_per_class": what it would need to have an effect
};
/// Gives options without an effect their defaults; returns those that had other values.
std::vector<UnusedOption> reset_unused_options(DataOptions& options);
/// Errors: UserError, if an option without an effect has another value than its default.
void refuse_unused_options(DataOptions options);

}  // namespace fqgan
