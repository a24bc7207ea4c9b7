// Files with the weights of feature extractors.
#pragma once

#include <string>

#include "fqgan/checkpoint/checkpoint.h"

namespace fqgan {

/// Reads a safetensors file of weights. `expected` says what they are, and `hint` how to get them. Errors: UserError
/// with both for a file of another kind and a damaged one; else as load_checkpoint.
Checkpoint load_weights(const std::string& path, const std::string& expected, const std::string& hint);

}  // namespace fqgan
