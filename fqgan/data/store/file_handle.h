// An open file with positioned reads and writes. Errors name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace fqgan {

class FileHandle {
 public:
  /// `flags` as for open(2). Errors of all functions: SystemError that names the path and the system's reason.
  FileHandle(std::filesystem::path path, int flags);
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&&) = delete;

  int64_t size() const;
  std::string read(int64_t at, int64_t bytes) const;  // fewer bytes in the file are an error
  void write(int64_t at, const void* data, size_t bytes) const;
  void resize(int64_t bytes) const;
  void reserve(int64_t bytes) const;  // extends the file by zeros, with allocated disk space
  void sync() const;
  int descriptor() const { return file_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void fail_with(int code) const;
  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace fqgan
