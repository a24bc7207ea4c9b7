// LibTorch's C++ side lacks some operators on the `meta` device, which Python adds there. Those that an iteration uses.
#pragma once

namespace fqgan::test {

/// Once; a second call does nothing.
void add_meta_operators();

}  // namespace fqgan::test
