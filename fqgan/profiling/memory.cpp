#include "fqgan/profiling/memory.h"

#include <ATen/DeviceAccelerator.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

namespace fqgan {
namespace {

double number_in(const std::filesystem::path& file, const std::string& key) {
  std::ifstream text(file);
  for (std::string line; std::getline(text, line);)
    if (line.starts_with(key)) {
      const auto digits = line.find_first_of("0123456789", key.size());
      return digits == std::string::npos ? 0 : std::stod(line.substr(digits));
    }
  return 0;
}

/// What the control group of this process leaves it; 0: no limit, or not known.
double free_in_group() {
  const std::filesystem::path root = "/sys/fs/cgroup";
  const double limit = number_in(root / "memory.max", ""), used = number_in(root / "memory.current", "");
  const double file_pages = number_in(root / "memory.stat", "inactive_file ");
  return limit > 0 ? std::max(limit - used + file_pages, 1.) : 0;
}

}  // namespace

double free_memory(torch::Device device) {
  if (!device.is_cpu())
    return static_cast<double>(at::accelerator::getMemoryInfo(std::max<c10::DeviceIndex>(device.index(), 0)).first);
  const double free = number_in("/proc/meminfo", "MemAvailable:") * 1024, in_group = free_in_group();
  return in_group > 0 && free > 0 ? std::min(free, in_group) : std::max(free, in_group);
}

double peak_memory(torch::Device device) {
  if (device.is_cpu()) return number_in("/proc/self/status", "VmHWM:") * 1024;
  const auto stats = at::accelerator::getDeviceStats(std::max<c10::DeviceIndex>(device.index(), 0));
  return static_cast<double>(
      stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak);
}

}  // namespace fqgan
