// Draws a confusion matrix.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fqgan {

/// counts: int64 K x K, row = the true class, column = the predicted class; names: K -> uint8 3 x H x W on the CPU.
/// Each count is in a shaded cell; the classes are to the left, and by index above. Errors: UserError for more than 100
/// classes.
at::Tensor draw_confusion(const at::Tensor& counts, const std::vector<std::string>& names);

}  // namespace fqgan
