// The identity of a data set: a digest of its files, which changes with any of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "fqgan/core/hash.h"

namespace fqgan {

/// How much of a file's content counts. Of a folder of many small files, names and sizes count, and add_content adds a
/// sample of their contents. A single file, such as an archive, might have a common name and size.
enum class Content { none, ends };

class Manifest {
 public:
  Manifest() = default;
  /// `container`: what the files are in, a folder or an archive. The third part of the digest does not depend on it.
  explicit Manifest(std::string_view container);
  void add(std::string_view text);
  void add(int64_t number);
  /// Adds a file: its name within the data set, size, the first and last 64 KiB if `content` says so, and in the second
  /// part of the digest also its absolute path and the time of its last change. Errors: UserError (the file vanished).
  void add_file(const std::filesystem::path& path, std::string_view name, Content content);
  /// Adds a file within a folder or an archive to the third part of the digest.
  void add_content(std::string_view name, int64_t size, std::string_view bytes);
  /// Adds another manifest's digest.
  void add_digest(const std::string& digest);
  /// 32 hex digits, or 48 after add_content. The first 16 stay the same when the files are moved or copied, the last 16
  /// also when they are packed into an archive or unpacked.
  std::string digest() const;

 private:
  Sha256 files_, places_, contents_;
  bool has_contents_ = false;
};

/// If two digests are of the same files, perhaps at different places: by what they are the same ("names and sizes").
/// Empty if they are not.
std::string sameness(const std::string& digest, const std::string& other);

}  // namespace fqgan
