// The identity of a data set: a digest over the path, size and time of every file, which changes with any of them.
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
  /// Adds the file's absolute path, size and time of last change. Errors: UserError (the file vanished).
  void add_file(const std::filesystem::path& path);
  std::string digest() const;  // 32 hex digits: the first half of a SHA-256

 private:
  Sha256 sum_;
};

}  // namespace fqgan
