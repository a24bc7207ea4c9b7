// Reads IDX files, the format of MNIST, Fashion-MNIST and EMNIST: a big-endian header (magic number, extents) and
// bytes; plain or .gz. The labels file is in the same folder as the images file, under MNIST's naming scheme.
#include <algorithm>
#include <cctype>

#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/gz_file.h"
#include "fqgan/data/sources/source.h"
#include "fqgan/data/sources/splits.h"

namespace fqgan {
namespace {

using std::filesystem::path;

constexpr uint32_t image_magic = 0x00000803, label_magic = 0x00000801;  // uint8 with 3 dimensions, with 1

std::string hex(uint32_t value) {
  char text[11];
  std::snprintf(text, sizeof(text), "0x%08x", value);
  return text;
}

struct IdxFile {
  std::vector<int64_t> extents;
  std::vector<uint8_t> bytes;
};

IdxFile read_idx(const path& file, uint32_t magic, const char* what) {
  log_detail("[data] reading " + file.string());
  GzFile input(file);
  const auto number = [&] {
    const auto bytes = input.read(4);
    if (bytes.size() < 4)
      fail("data", file.string() + ": truncated: expected an IDX header, found the end of the file");
    return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
  };
  const uint32_t found = number();
  if (found != magic) {
    fail("data",
         file.string() + ": expected the magic number " + hex(magic) + " of IDX " + what + ", found " + hex(found));
  }
  IdxFile result;
  int64_t expected = 1;
  for (uint32_t dimension = 0; dimension < (magic & 0xff); ++dimension) {
    result.extents.push_back(number());
    if (result.extents.back() > 0 && expected > (int64_t{1} << 40) / result.extents.back()) {
      fail("data", file.string() + ": the IDX header asks for more than 2^40 bytes");
    }
    expected *= result.extents.back();
  }
  result.bytes = input.read(expected);
  if (static_cast<int64_t>(result.bytes.size()) < expected) {
    fail("data", file.string() + ": truncated: expected " + std::to_string(expected) +
                     " bytes after the header, found " + std::to_string(result.bytes.size()) +
                     ". Hint: download the file again");
  }
  if (!input.at_end()) {
    fail("data", file.string() + ": expected " + std::to_string(expected) + " bytes after the header, found more");
  }
  return result;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

bool names_images(const path& file) {
  const auto name = lower(file.filename().string());
  return contains(name, "images-idx3") || contains(name, "images.idx3");
}

// train-images-idx3-ubyte.gz -> train-labels-idx1-ubyte.gz or train-labels-idx1-ubyte; "" if there is neither.
path labels_beside(const path& images) {
  auto name = images.filename().string();
  const auto replace = [&](const std::string& from, const std::string& to) {
    if (const auto at = name.rfind(from); at != std::string::npos) name.replace(at, from.size(), to);
  };
  replace("images", "labels");
  replace("idx3", "idx1");
  if (name == images.filename().string()) return {};
  const auto bare = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
  for (const auto& candidate : {name, bare, bare + ".gz"}) {
    if (std::filesystem::exists(images.parent_path() / candidate)) return images.parent_path() / candidate;
  }
  return {};
}

// "train" of train-images-idx3-ubyte, "test" of t10k-images-idx3-ubyte and emnist-letters-test-images-idx3-ubyte; "" if
// the name tells none.
std::string split_of(const path& file) {
  const auto name = lower(file.filename().string());
  std::string word;
  for (const char c : name + "-") {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += c;
      continue;
    }
    if (const auto split = split_named(word); !split.empty()) return split;
    word.clear();
  }
  return contains(name, "train") ? "train" : contains(name, "t10k") || contains(name, "test") ? "test" : "";
}

std::vector<path> image_files_in(const path& folder) {
  std::vector<path> found;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
    if (names_images(entry.path())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<path> images_files(const path& given) {
  if (!std::filesystem::is_directory(given)) return {given};
  auto found = image_files_in(given);
  // The same file twice, plain and compressed: the plain one reads faster.
  std::erase_if(found, [](const path& file) {
    return file.extension() == ".gz" && std::filesystem::exists(path(file).replace_extension());
  });
  return found;
}

path images_file(const path& given, const std::optional<std::string>& split) {
  const auto found = images_files(given);
  if (!split && found.size() == 1 && (found[0] == given || split_of(found[0]).empty())) return found[0];
  std::map<std::string, std::string> splits;
  for (const auto& file : found)
    if (const auto of = split_of(file); !of.empty()) splits[file.filename().string()] = of;
  if (!splits.empty()) {
    const auto name = name_of_split(splits, split, given.string());
    return found[0] == given ? given : given / name;
  }
  if (split) fail_without_splits(*split, given.string());
  std::vector<std::string> names;
  for (const auto& file : found) names.push_back(file.filename().string());
  fail("data", given.string() + ": expected one IDX images file, found " + short_list(names) +
                   ". Hint: give the path of the images file itself");
}

struct IdxSource : ArraySource {
  explicit IdxSource(const path& file) : images(file) {
    auto content = read_idx(images, image_magic, "images");
    each = {content.extents[1], content.extents[2], 1};
    if (content.extents[0] > 0 && each.bytes() == 0)
      fail("data", images.string() + ": expected images with pixels, found images of size 0x0");
    *pixels = std::move(content.bytes);
    manifest.add("idx");
    manifest.add_file(images, "", Content::ends);
    entries.resize(static_cast<size_t>(content.extents[0]));
    const auto name = printable(images.filename().string());
    for (size_t i = 0; i < entries.size(); ++i) entries[i].name = name + " #" + std::to_string(i);
  }

  void read_labels() override {
    const path labels = labels_beside(images);
    if (labels.empty()) return;
    const auto file = read_idx(labels, label_magic, "labels");
    if (file.extents[0] != static_cast<int64_t>(entries.size())) {
      fail("data", labels.string() + ": expected " + std::to_string(entries.size()) + " labels, as many as images in " +
                       images.filename().string() + ", found " + std::to_string(file.extents[0]));
    }
    for (size_t i = 0; i < entries.size(); ++i) entries[i].label = file.bytes[i];
  }

  path images;
};

struct IdxPath : OpenedPath {
  explicit IdxPath(path given) : given(std::move(given)) {}
  std::string place(const std::optional<std::string>& split, const std::optional<std::string>& domain) override {
    refuse_domain(given, domain);
    return images_file(given, split).string();
  }
  std::unique_ptr<Source> open(const std::string& place) override { return std::make_unique<IdxSource>(place); }
  path given;
};

std::unique_ptr<OpenedPath> open(const path& given, const DataOptions&) { return std::make_unique<IdxPath>(given); }

bool recognises(const path& given) {
  if (std::filesystem::is_directory(given)) return !image_files_in(given).empty();
  if (names_images(given)) return true;
  try {
    const auto magic = GzFile(given).read(4);
    return magic == std::vector<uint8_t>{0, 0, 8, 3};
  } catch (const UserError&) {
    return false;  // damaged compression: another source may recognise the file
  }
}

}  // namespace

const SourceKind idx_source{"IDX", "IDX files (MNIST's format, plain or .gz)", recognises, open};

}  // namespace fqgan
