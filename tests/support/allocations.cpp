#include "support/allocations.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <mutex>
#include <thread>

namespace fqgan::test {
namespace {

/// Follows what is given out and taken back. The peak is looked for on the thread that made it, so that it does not
/// depend on when the loader's threads are at work.
struct AllocationRecorder : c10::MemoryReportingInfoBase {
  explicit AllocationRecorder(c10::DeviceType device) : device(device), owner(std::this_thread::get_id()) {}
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device where) override {
    if (where.type() != device) return;
    const std::lock_guard lock(mutex);
    held += size;
    if (size > 0 && std::this_thread::get_id() == owner) peak = std::max(peak, held);
  }
  bool memoryProfilingEnabled() const override { return true; }
  const c10::DeviceType device;
  const std::thread::id owner;
  std::mutex mutex;
  int64_t held = 0, peak = 0;
};

}  // namespace

double peak_of_allocations(torch::Device device, const std::function<void()>& function) {
  const auto recorder = std::make_shared<AllocationRecorder>(device.type());
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, recorder);
  function();
  return static_cast<double>(recorder->peak);
}

}  // namespace fqgan::test
