// Checks of the input of all estimators.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace fqgan {

/// Throws UserError "[where] ..." unless x is N x D of a floating type with D >= 1, without NaN and infinity. `what` is
/// the name of the tensor, such as "real features".
void check_features(const at::Tensor& x, const std::string& where, const std::string& what);

/// Throws UserError "[where] ..." unless both sides have the same D.
void check_same_dimension(int64_t a, int64_t b, const std::string& where);

/// Throws UserError "[where] expected at least ... real features, got ... Hint: ..." for fewer rows than `minimum`.
void check_images(int64_t images, int64_t minimum, const std::string& where, const std::string& what,
                  const std::string& hint);

/// Returns the value of a metric. Errors: UserError "[where] ..." for NaN and infinity.
double finite_value(double value, const std::string& where);

}  // namespace fqgan
