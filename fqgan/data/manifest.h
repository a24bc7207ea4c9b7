// The identity of a data set: a digest of its files, which changes with any of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "fqgan/core/hash.h"

namespace fqgan {

/// How much of a file's content counts. A folder of many small files is not opened for its digest: names and sizes are
/// enough. A single file, such as an archive, might have a common name and size.
enum class Content { none, ends };

class Manifest {
 public:
  void add(std::string_view text);
  void add(int64_t number);
  /// Adds a file: its name within the data set, size, the first and last 64 KiB if `content` says so, and in the second
  /// half of the digest also its absolute path and the time of its last change. Errors: UserError (the file vanished).
  void add_file(const std::filesystem::path& path, std::string_view name, Content content);
  /// Adds another manifest's digest.
  void add_digest(const std::string& digest);
  /// 32 hex digits. The first 16 stay the same when the files are moved or copied.
  std::string digest() const;

 private:
  Sha256 files_, places_;
};

/// Whether two digests are of the same files, perhaps at different places.
bool same_files(const std::string& digest, const std::string& other);

}  // namespace fqgan
