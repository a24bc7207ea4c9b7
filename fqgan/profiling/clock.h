// The clock of all timings.
#pragma once

#include <chrono>

namespace fqgan {

/// Seconds since some fixed moment.
inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace fqgan
