// Reading a file that may be compressed with gzip: plain files are read as they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace fqgan {

class GzFile {
 public:
  /// Errors: UserError (cannot be opened).
  explicit GzFile(const std::filesystem::path& path);
  ~GzFile();
  GzFile(const GzFile&) = delete;
  GzFile& operator=(const GzFile&) = delete;

  /// Up to `bytes` bytes, fewer only at the end of the file. Memory grows with what is there, not with what was asked
  /// for: a header may lie. Errors: UserError (damaged or truncated compression).
  std::vector<uint8_t> read(int64_t bytes);
  bool at_end();

 private:
  std::filesystem::path path_;
  void* file_ = nullptr;
};

}  // namespace fqgan
