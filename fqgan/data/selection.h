// Which images of a source are used, and with which labels.
#pragma once

#include <vector>

#include "fqgan/data/sources/source.h"

namespace fqgan {

struct Selection {
  std::vector<int64_t> entries;          // indices into the source
  std::vector<int64_t> labels;           // one each; -1: none
  std::vector<std::string> class_names;  // empty: no labels
};

/// Applies labels, class_names, held_out, limit, labels_per_class and part, in this order. Errors: UserError (class
/// names that do not match the labels, more held out than there is, nothing left).
Selection select(const Source& source, const DataOptions& options);

}  // namespace fqgan
