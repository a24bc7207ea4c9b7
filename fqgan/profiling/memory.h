// How much memory there is, and how much this process has used.
#pragma once

#include <torch/torch.h>

namespace fqgan {

/// Bytes that this process can still take: for a CPU of the machine's memory and of its control group's limit, else of
/// the device's. 0: unknown.
double free_memory(torch::Device device);

/// The most that this process has held, bytes; 0 where the system does not say.
double peak_resident_memory();

}  // namespace fqgan
