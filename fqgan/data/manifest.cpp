#include "fqgan/data/manifest.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "fqgan/core/error.h"
#include "fqgan/core/streams.h"

namespace fqgan {

void Manifest::add(std::string_view text) {
  low_ = mix_bits(low_, text, {});
  high_ = mix_bits(high_, text, {});
}

void Manifest::add(int64_t number) {
  low_ = mix_bits(low_, "", {number});
  high_ = mix_bits(high_, "", {number});
}

void Manifest::add_file(const std::filesystem::path& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) fail("data", path.string() + ": " + std::strerror(errno));
  add(std::filesystem::absolute(path).lexically_normal().string());
  add(status.st_size);
  add(int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec);
}

std::string Manifest::digest() const {
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(high_),
                static_cast<unsigned long long>(low_));
  return text;
}

}  // namespace fqgan
