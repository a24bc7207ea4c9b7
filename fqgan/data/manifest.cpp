#include "fqgan/data/manifest.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

constexpr size_t part = 16;               // hex digits
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

Manifest::Manifest(std::string_view container) {
  update(files_, container);
  update(places_, container);
}

void Manifest::add(std::string_view text) {
  for (auto* sum : {&files_, &places_, &contents_}) update(*sum, text);
}

void Manifest::add(int64_t number) {
  for (auto* sum : {&files_, &places_, &contents_}) update(*sum, number);
}

void Manifest::add_file(const std::filesystem::path& path, std::string_view name, Content content) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) fail("data", path.string() + ": " + std::strerror(errno));
  const auto ends = content == Content::ends ? ends_of(path, status.st_size) : "";
  for (auto* sum : {&files_, &places_}) {
    update(*sum, name);
    update(*sum, int64_t{status.st_size});
    if (content == Content::ends) update(*sum, ends);
  }
  update(places_, std::filesystem::absolute(path).lexically_normal().string());
  update(places_, int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec);
}

void Manifest::add_content(std::string_view name, int64_t size, std::string_view bytes) {
  update(contents_, name);
  update(contents_, size);
  update(contents_, bytes);
  has_contents_ = true;
}

void Manifest::add_digest(const std::string& digest) {
  update(files_, digest.substr(0, part));
  update(places_, digest.substr(0, 2 * part));
  if (digest.size() <= 2 * part) return;
  update(contents_, digest.substr(2 * part));
  has_contents_ = true;
}

std::string Manifest::digest() const {
  const auto part_of = [](Sha256 sum) { return sum.hex().substr(0, part); };
  return part_of(files_) + part_of(places_) + (has_contents_ ? part_of(contents_) : "");
}

std::string sameness(const std::string& digest, const std::string& other) {
  if (digest.size() > 2 * part && other.size() > 2 * part)
    return digest.substr(2 * part) == other.substr(2 * part) ? "names, sizes and a sample of their contents" : "";
  return digest.substr(0, part) == other.substr(0, part) ? "names and sizes" : "";
}

}  // namespace fqgan
