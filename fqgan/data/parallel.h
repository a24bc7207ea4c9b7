// Runs work over a range on all processor cores.
#pragma once

#include <cstdint>
#include <functional>

namespace fqgan {

/// Calls `work(begin, end)` for pieces of [0, count) of at most `chunk`, from several threads, in no fixed order. The
/// first exception stops the others and is thrown here.
void parallel_chunks(int64_t count, int64_t chunk, const std::function<void(int64_t begin, int64_t end)>& work);

}  // namespace fqgan
