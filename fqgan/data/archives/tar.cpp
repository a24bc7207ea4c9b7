#include "fqgan/data/archives/tar.h"

#include <algorithm>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/file_names.h"
#include "fqgan/data/archives/gz_file.h"

namespace fqgan {
namespace {

constexpr int64_t block = 512;

struct Header {
  std::string name;
  int64_t size = 0;
  char type = '0';
};

std::string text_at(const std::vector<uint8_t>& bytes, size_t at, size_t size) {
  const std::string text(bytes.begin() + static_cast<int64_t>(at), bytes.begin() + static_cast<int64_t>(at + size));
  return text.substr(0, text.find('\0'));
}

// Parses octal digits with spaces around them; -1 for anything else.
int64_t octal(const std::string& text) {
  int64_t value = 0;
  for (char c : text) {
    if (c == ' ') continue;
    if (c < '0' || c > '7') return -1;
    value = value * 8 + (c - '0');
  }
  return value;
}

bool checksum_holds(const std::vector<uint8_t>& bytes) {
  int64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    sum += i >= 148 && i < 156 ? ' ' : bytes[i];  // the checksum counts as spaces
  return octal(text_at(bytes, 148, 8)) == sum;
}

Header parse(const std::vector<uint8_t>& bytes, const std::string& where) {
  Header header;
  header.name = text_at(bytes, 0, 100);
  header.size = octal(text_at(bytes, 124, 12));
  header.type = bytes[156] == 0 ? '0' : static_cast<char>(bytes[156]);
  if (!checksum_holds(bytes) || header.size < 0)
    fail("data", where + ": damaged tar header. Hint: download the file again");
  return header;
}

void refuse_hostile(const Header& header, const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    fail("data", where + ": the entry '" + printable(header.name) + "' " + why + ", which is refused");
  };
  if (header.type == '1' || header.type == '2') refuse("is a link");
  if (leads_out(header.name)) refuse("has a path outside of the archive");
}

void skip(GzFile& input, int64_t bytes) {
  constexpr int64_t piece = 1 << 20;
  while (bytes > 0 && !input.read(std::min(piece, bytes)).empty()) bytes -= piece;
}

}  // namespace

std::map<std::string, std::string> read_tar(const std::filesystem::path& path,
                                            const std::function<bool(const std::string&)>& wanted) {
  constexpr int64_t limit = 1 << 30;
  std::map<std::string, std::string> files;
  log_detail("[data] reading " + path.string());
  GzFile input(path);
  while (true) {
    const auto bytes = input.read(block);
    if (bytes.size() < block) fail("data", path.string() + ": truncated tar archive. Hint: download the file again");
    if (std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; })) return files;  // the archive's end
    const auto header = parse(bytes, path.string());
    refuse_hostile(header, path.string());
    const int64_t stored = (header.size + block - 1) / block * block;
    const auto name = header.name.substr(header.name.rfind('/') + 1);
    if (header.type != '0' || !wanted(name)) {
      skip(input, stored);
      continue;
    }
    if (header.size > limit)
      fail("data", path.string() + ": the entry '" + printable(header.name) + "' is larger than 1 GiB");
    if (files.contains(name))
      fail("data", path.string() + ": the name '" + printable(name) + "' occurs twice, which is refused");
    const auto content = input.read(stored);
    if (static_cast<int64_t>(content.size()) < header.size) {
      fail("data", path.string() + ": truncated in '" + header.name + "': expected " + std::to_string(header.size) +
                       " bytes, found " + std::to_string(content.size()) + ". Hint: download the file again");
    }
    files[name].assign(content.begin(), content.begin() + header.size);
  }
}

bool is_tar(const std::filesystem::path& path) {
  const auto bytes = GzFile(path).read(block);
  return bytes.size() == block && text_at(bytes, 257, 5) == "ustar";
}

}  // namespace fqgan
