// Selects the images of a source that are used, and their labels.
#pragma once

#include <vector>

#include "fqgan/data/sources/source.h"

namespace fqgan {

struct Selection {
  std::vector<int64_t> entries;          // indices into the source
  std::vector<int64_t> labels;           // one per entry; -1: none
  std::vector<std::string> class_names;  // empty: no labels
};

/// Whether the selection depends on the source's labels, so that they must be read.
bool needs_labels(const DataOptions& options);

/// The entries of the source that any selection with these options can name: all, or those of the limit. Sorted.
std::vector<int64_t> entries_needed(const Source& source, const DataOptions& options);

/// Applies labels, class_names, held_out, limit, labels_per_class and part, in this order. Errors: UserError (class
/// names that do not match the labels, too many held-out images, no images left).
Selection select(const Source& source, const DataOptions& options);

}  // namespace fqgan
