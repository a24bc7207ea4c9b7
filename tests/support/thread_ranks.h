// Ranks that are threads of one process, for tests of what is summed over ranks.
#pragma once

#include <functional>

#include "fqgan/nn/ranks.h"

namespace fqgan::test {

/// Runs `body` on `count` threads at once, each with its own rank.
void on_ranks(int64_t count, const std::function<void(const Ranks&)>& body);

}  // namespace fqgan::test
