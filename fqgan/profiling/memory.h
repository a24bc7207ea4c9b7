// How much memory there is, and how much this process has used.
#pragma once

#include <torch/torch.h>

namespace fqgan {

/// Bytes that this process can still take: for a CPU of the machine's memory and of its control group's limit, else of
/// the device's. 0: unknown.
double free_memory(torch::Device device);

/// The most that was held so far, bytes: for a CPU all that this process held (0 where the system does not say), else
/// by this process's tensors on the device.
double peak_memory(torch::Device device);

}  // namespace fqgan
