// What LibTorch's allocators really give out, to hold predictions against.
#pragma once

#include <functional>

#include <torch/torch.h>

namespace fqgan::test {

/// Bytes: the most that this thread's tensors on the device held while `function` ran. Tensors of other threads count
/// only as far as they are held when this thread allocates.
double peak_of_allocations(torch::Device device, const std::function<void()>& function);

}  // namespace fqgan::test
