// Matches the classes of two sources. `fqgan sample` writes one folder per class, and folders are read in the order of
// their names, so that class 3 of one side need not be class 3 of the other.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// labels: int64 N, indices into `from` or -1 -> indices into `to` or -1. Classes are matched by name, without regard
/// to case and characters that file names cannot have; `from` may lack some. If that fails, and one of two equally long
/// lists is "0", "1", ..., they are matched by index. `where` names the side with `from`. Errors: UserError for lists
/// that do not match.
at::Tensor matched_labels(const at::Tensor& labels, const std::vector<std::string>& from,
                          const std::vector<std::string>& to, const std::string& where);

}  // namespace fqgan
