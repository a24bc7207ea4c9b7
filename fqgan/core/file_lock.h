// An exclusive lock between processes, on a file (flock). The system frees it when the process ends or is killed.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace fqgan {

class FileLock {
 public:
  enum Afterwards { kept, removed_at_end };
  /// Opens `path`, creating the file if it is missing, without locking it. removed_at_end: the destructor removes the
  /// file if it holds the lock; a process that waited for it then takes a new file.
  /// Errors of all functions: SystemError that names the path and the system's reason.
  explicit FileLock(std::filesystem::path path, Afterwards afterwards = kept);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

  /// Takes the lock, or returns false at once if another process holds it. Errors: the file system has no locks.
  bool try_lock();
  /// Takes the lock; if another process holds it, calls `waiting` once and waits.
  void lock(const std::function<void()>& waiting);
  /// The id of the process that holds or last held the lock, from the file: "1234"; empty if there was none.
  std::string holder() const;
  /// Whether a process holds the lock on `path` now. A missing file is not locked.
  static bool is_held(const std::filesystem::path& path);

 private:
  bool take(int mode);  // of flock
  void open();
  bool is_at_path() const;
  void name_holder() const;
  [[noreturn]] void fail_with(int code) const;

  std::filesystem::path path_;
  Afterwards afterwards_;
  int file_ = -1;
  bool locked_ = false;
};

}  // namespace fqgan
