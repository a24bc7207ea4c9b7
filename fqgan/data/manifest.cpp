#include "fqgan/data/manifest.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "fqgan/core/error.h"

namespace fqgan {

void Manifest::add(std::string_view text) {
  add(static_cast<int64_t>(text.size()));  // so that "a", "bc" and "ab", "c" differ
  sum_.update(text.data(), text.size());
}

void Manifest::add(int64_t number) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(number) >> 8 * i);
  sum_.update(bytes, sizeof bytes);
}

void Manifest::add_file(const std::filesystem::path& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) fail("data", path.string() + ": " + std::strerror(errno));
  add(std::filesystem::absolute(path).lexically_normal().string());
  add(status.st_size);
  add(int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec);
}

std::string Manifest::digest() const { return Sha256(sum_).hex().substr(0, 32); }

}  // namespace fqgan
