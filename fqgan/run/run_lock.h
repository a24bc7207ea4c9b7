// The lock by which only one process at a time trains in a run folder.
#pragma once

#include <filesystem>
#include <optional>

#include "fqgan/core/file_lock.h"

namespace fqgan {

/// Holds an exclusive lock on `<run>/.lock` during its lifetime. If the file system has no locks, it logs a warning and
/// locks nothing.
struct RunLock {
  /// Errors: UserError naming the folder when another holder has the lock or the file cannot be opened.
  explicit RunLock(const std::filesystem::path& run);
  /// Whether a process holds the lock now.
  static bool is_held(const std::filesystem::path& run);

 private:
  std::optional<FileLock> lock_;
};

}  // namespace fqgan
