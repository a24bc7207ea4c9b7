// What a data set was made of: a digest over the path, size and time of every file. A file that changes changes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "fqgan/core/hash.h"

namespace fqgan {

class Manifest {
 public:
  void add(std::string_view text);
  void add(int64_t number);
  /// The file's absolute path, size and time of last change. Errors: UserError (it vanished).
  void add_file(const std::filesystem::path& path);
  std::string digest() const;  // 32 hex digits: the first half of a SHA-256

 private:
  Sha256 sum_;
};

}  // namespace fqgan
