// An exclusive lock between processes, on a file (flock). The system frees it when the process ends, even by a kill.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace fqgan {

class FileLock {
 public:
  /// Opens `path`, creating the file where it is missing; nothing is locked yet.
  /// Errors: SystemError that names the path and the system's reason, as for all that follow.
  explicit FileLock(std::filesystem::path path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

  /// Takes the lock, or returns false at once where another holder has it. Errors: the file system has no locks.
  bool try_lock();
  /// Takes the lock; where another holder has it, calls `waiting` once and waits.
  void lock(const std::function<void()>& waiting);
  /// The process that holds the lock, or held it last, as it wrote it into the file: "1234"; empty where nobody did.
  std::string holder() const;
  /// Whether somebody holds the lock on `path` now. A file that is not there is not locked.
  static bool is_held(const std::filesystem::path& path);

 private:
  void name_holder() const;
  [[noreturn]] void fail_with(int code) const;

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace fqgan
