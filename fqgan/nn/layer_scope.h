// Marks for profilers which layer the operators of a scope belong to. Costs nothing without a profiler.
#pragma once

#include <ATen/record_function.h>

#include <cstdint>
#include <string>

namespace fqgan {

constexpr const char* layer_scope_prefix = "fqgan layer ";

/// Everything until the end of the scope is part of `layer`'s forward; its backward is found by autograd's sequence
/// numbers.
struct LayerScope {
  explicit LayerScope(const void* layer) : record_(at::RecordScope::USER_SCOPE) {
    if (record_.isActive()) record_.before(layer_scope_prefix + std::to_string(reinterpret_cast<uintptr_t>(layer)));
  }

 private:
  at::RecordFunction record_;
};

}  // namespace fqgan
