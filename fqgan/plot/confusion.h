// A confusion matrix as a picture.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// counts: int64 K x K, row = the true class, column = what was said; names: K -> uint8 3 x H x W on the CPU: a shaded
/// cell each with its count, the classes to the left and (by number) above. Errors: UserError for more than 100
/// classes.
at::Tensor draw_confusion(const at::Tensor& counts, const std::vector<std::string>& names);

}  // namespace fqgan
