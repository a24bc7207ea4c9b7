#include "fqgan/data/manifest.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

constexpr size_t half = 16;               // hex digits
constexpr int64_t end_bytes = 64 * 1024;  // of the start, and of the end of a file

void update(Sha256& sum, int64_t number) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(number) >> 8 * i);
  sum.update(bytes, sizeof bytes);
}

void update(Sha256& sum, std::string_view text) {
  update(sum, static_cast<int64_t>(text.size()));  // so that "a", "bc" and "ab", "c" differ
  sum.update(text.data(), text.size());
}

std::string ends_of(const std::filesystem::path& path, int64_t size) {
  std::ifstream file(path, std::ios::binary);
  const auto read = [&](int64_t from) {
    std::string bytes(static_cast<size_t>(std::min(size, end_bytes)), '\0');
    file.seekg(from);
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
      fail("data", path.string() + ": cannot be read. Hint: check the file and its permissions");
    return bytes;
  };
  return read(0) + read(std::max<int64_t>(size - end_bytes, 0));
}

}  // namespace

void Manifest::add(std::string_view text) {
  update(files_, text);
  update(places_, text);
}

void Manifest::add(int64_t number) {
  update(files_, number);
  update(places_, number);
}

void Manifest::add_file(const std::filesystem::path& path, std::string_view name, Content content) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) fail("data", path.string() + ": " + std::strerror(errno));
  add(name);
  add(status.st_size);
  if (content == Content::ends) add(ends_of(path, status.st_size));
  update(places_, std::filesystem::absolute(path).lexically_normal().string());
  update(places_, int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec);
}

void Manifest::add_digest(const std::string& digest) {
  update(files_, digest.substr(0, half));
  update(places_, digest);
}

std::string Manifest::digest() const {
  return Sha256(files_).hex().substr(0, half) + Sha256(places_).hex().substr(0, half);
}

bool same_files(const std::string& digest, const std::string& other) {
  return digest.substr(0, half) == other.substr(0, half);
}

}  // namespace fqgan
