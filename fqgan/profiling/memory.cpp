#include "fqgan/profiling/memory.h"

#include <ATen/DeviceAccelerator.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "fqgan/training/loop.h"

namespace fqgan {
namespace {

/// Follows what LibTorch's allocators give out and take back; the history is its own thread's, so that it does not
/// depend on when the loader's workers are at work.
struct AllocationRecorder : c10::MemoryReportingInfoBase {
  explicit AllocationRecorder(c10::DeviceType device) : device(device), owner(std::this_thread::get_id()) {}
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device where) override {
    if (where.type() != device) return;
    const std::lock_guard lock(mutex);
    held += size;
    if (size > 0 && std::this_thread::get_id() == owner) history.push_back(held);
  }
  bool memoryProfilingEnabled() const override { return true; }
  const c10::DeviceType device;
  const std::thread::id owner;
  std::mutex mutex;
  int64_t held = 0;
  std::vector<int64_t> history;
};

std::vector<double> stretches(const std::vector<int64_t>& history) {
  constexpr size_t count = 256;
  std::vector<double> most(count, 0);
  for (size_t i = 0; i < history.size(); ++i) {
    auto& stretch = most[i * count / history.size()];
    stretch = std::max(stretch, static_cast<double>(history[i]));
  }
  return most;
}

double number_in(const std::filesystem::path& file, const std::string& key) {
  std::ifstream text(file);
  for (std::string line; std::getline(text, line);)
    if (line.starts_with(key)) {
      const auto digits = line.find_first_of("0123456789", key.size());
      return digits == std::string::npos ? 0 : std::stod(line.substr(digits));
    }
  return 0;
}

/// What the control group of this process leaves it; 0: no limit, or none that is told.
double free_in_group() {
  const std::filesystem::path root = "/sys/fs/cgroup";
  const double limit = number_in(root / "memory.max", ""), used = number_in(root / "memory.current", "");
  const double file_pages = number_in(root / "memory.stat", "inactive_file ");
  return limit > 0 ? std::max(limit - used + file_pages, 1.) : 0;
}

}  // namespace

std::vector<int64_t> memory_history(const FamilyOfBatch& build, const std::map<std::string, const Dataset*>& datasets,
                                    torch::Device device, uint64_t seed, int64_t batch) {
  const auto recorder = std::make_shared<AllocationRecorder>(device.type());
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, recorder);
  const auto family = build(batch);  // inside: its tensors count too
  LoopOptions options;
  options.seed = seed;
  Loop(*family, datasets, options).iterate();
  return recorder->history;
}

StepMemory::StepMemory(const FamilyOfBatch& build, const std::map<std::string, const Dataset*>& datasets,
                       torch::Device device, uint64_t seed, int64_t batch)
    : few_images_(std::clamp<int64_t>(batch / 8, 2, 8)), more_images_(2 * few_images_) {
  for (const auto& [name, dataset] : datasets) more_images_ = std::min(more_images_, dataset->info().images);
  few_images_ = std::min(few_images_, std::max<int64_t>(more_images_ / 2, 1));
  few_ = stretches(memory_history(build, datasets, device, seed, few_images_));
  more_ = stretches(memory_history(build, datasets, device, seed, more_images_));
}

double StepMemory::peak(int64_t batch) const {
  const auto difference = std::max<int64_t>(more_images_ - few_images_, 1);
  const double steps = static_cast<double>(batch - few_images_) / static_cast<double>(difference);
  double most = 0;
  for (size_t i = 0; i < few_.size(); ++i) most = std::max(most, few_[i] + steps * (more_[i] - few_[i]));
  return most;
}

int64_t StepMemory::largest_batch(int64_t batch, double bytes) const {
  while (batch > 0 && peak(batch) > bytes) batch /= 2;
  return batch;
}

double free_memory(torch::Device device) {
  if (!device.is_cpu())
    return static_cast<double>(at::accelerator::getMemoryInfo(std::max<c10::DeviceIndex>(device.index(), 0)).first);
  const double free = number_in("/proc/meminfo", "MemAvailable:") * 1024, in_group = free_in_group();
  return in_group > 0 && free > 0 ? std::min(free, in_group) : std::max(free, in_group);
}

double peak_resident_memory() { return number_in("/proc/self/status", "VmHWM:") * 1024; }

}  // namespace fqgan
