// A file to which whole records are appended: each with one write() call, and a write that fails half-way (disk full)
// is cut off again, so that there is never half a record in the middle.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace fqgan {

class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path);  // makes the file if needed. Errors: UserError (not writable)
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void append(std::string_view record);  // Errors: SystemError (disk full)
  int64_t length() const;                // bytes
  int64_t flush();                       // fsync; the length in bytes. Errors: SystemError

 private:
  [[noreturn]] void fail_with(int error) const;

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace fqgan
