// One process at a time trains in a run folder.
#pragma once

#include <filesystem>

namespace fqgan {

/// Holds an exclusive lock on `<run>/.lock` as long as it lives; the system frees it when the process ends, however it
/// ends. Where the file system has no locks, a warning is logged and nothing is held.
struct RunLock {
  /// Errors: UserError naming the folder when another holder has the lock or the file cannot be opened.
  explicit RunLock(const std::filesystem::path& run);
  ~RunLock();
  /// Whether somebody holds it now.
  static bool is_held(const std::filesystem::path& run);
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace fqgan
