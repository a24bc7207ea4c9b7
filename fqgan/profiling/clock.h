// The clock of all timings.
#pragma once

#include <ATen/DeviceAccelerator.h>

#include <chrono>

namespace fqgan {

/// Seconds since some fixed moment.
inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Waits until a GPU has done what it was given; on the CPU everything is done already.
inline void wait_for(at::Device device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

}  // namespace fqgan
