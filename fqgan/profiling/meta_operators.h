// Operators on the `meta` device, where tensors have shapes and no values. LibTorch's Python side adds many of them
// that its C++ side lacks; this adds those that an iteration uses to the C++ side.
#pragma once

namespace fqgan {

/// Once for the process; a second call does nothing.
void add_meta_operators();

}  // namespace fqgan
