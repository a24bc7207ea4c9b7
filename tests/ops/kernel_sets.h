// Runs a test on every instruction set that this processor has, and on several numbers of threads.
#pragma once

#include <ATen/Parallel.h>

#include <functional>

#include "fqgan/ops/kernels/instruction_set.h"
#include "support/support.h"

namespace fqgan::test {

inline void on_every_instruction_set(const std::function<void()>& test) {
  namespace kernels = ops::kernels;
  for (int n = 0; const auto* set = kernels::available(n); ++n) {
    SCOPED_TRACE(set->name);
    kernels::use(set);
    test();
  }
  kernels::use(nullptr);
}

/// `make` gives tensors; they must have the same bits with 1, 2, 3 and 7 threads.
inline void expect_same_bits_for_any_threads(const std::function<std::vector<at::Tensor>()>& make) {
  const auto before = at::get_num_threads();
  std::vector<at::Tensor> first;
  for (const int threads : {1, 2, 3, 7}) {
    at::set_num_threads(threads);
    const auto made = make();
    if (first.empty()) first = made;
    for (size_t i = 0; i < made.size(); ++i)
      EXPECT_TRUE(at::equal(first[i], made[i])) << "tensor " << i << ", " << threads << " threads";
  }
  at::set_num_threads(before);
}

}  // namespace fqgan::test
