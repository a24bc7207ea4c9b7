// Reads a file that may be compressed with gzip.
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

  /// Reads up to `bytes` bytes, fewer only at the end of the file. Allocates memory for existing bytes only, because
  /// the number may come from a damaged header. Errors: UserError (damaged or truncated compression).
  std::vector<uint8_t> read(int64_t bytes);
  bool at_end();

 private:
  std::filesystem::path path_;
  void* file_ = nullptr;
};

}  // namespace fqgan
