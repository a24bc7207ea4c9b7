// Parallel work in blocks, with results that do not depend on the number of threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

namespace fqgan {

/// Calls work(begin, end) for consecutive blocks of [0, count) of at most `size`, in parallel. Inside, ATen and its
/// BLAS run on one thread, so that a block gives the same bits for any number of threads.
template <class Work>
void for_blocks(int64_t count, int64_t size, const Work& work) {
  const int64_t blocks = (count + size - 1) / size;
  // A range of one would run outside of a parallel region, and its matrix products on all threads.
  at::parallel_for(0, std::max<int64_t>(blocks, 2), 1, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < std::min(last, blocks); ++b) work(b * size, std::min(count, (b + 1) * size));
  });
}

}  // namespace fqgan
