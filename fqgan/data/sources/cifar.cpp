// Reads CIFAR-10 and CIFAR-100 in the published binary version (cifar-10-binary.tar.gz) or its unpacked folder. A
// record is one label byte (CIFAR-100: coarse, then fine; the fine one is used) and 3 x 32 x 32 planar bytes.
#include <algorithm>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/tar.h"
#include "fqgan/data/sources/class_names.h"
#include "fqgan/data/sources/source.h"
#include "fqgan/data/sources/splits.h"

namespace fqgan {
namespace {

using std::filesystem::path;
using Files = std::map<std::string, std::string>;

constexpr RasterShape cifar_shape{32, 32, 3};

using Names = std::vector<std::string>;

// One of the two sets: the files of a split, and the format of a record.
struct Edition {
  const char* names_file;
  int64_t classes, label_bytes;
  Names train, test;
  const Names& files(bool of_training) const { return of_training ? train : test; }
};

const Edition editions[] = {
    {"batches.meta.txt",
     10,
     1,
     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
     {"test_batch.bin"}},
    {"fine_label_names.txt", 100, 2, {"train.bin"}, {"test.bin"}}};

bool is_of_split(const std::string& name, bool train) {
  return std::any_of(std::begin(editions), std::end(editions), [&](const Edition& edition) {
    const auto& names = edition.files(train);
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

bool is_names_file(const std::string& name) {
  return std::any_of(std::begin(editions), std::end(editions),
                     [&](const Edition& edition) { return name == edition.names_file; });
}

// The file has C x H x W.
void append_pixels(std::vector<uint8_t>& to, const uint8_t* planar) {
  constexpr int64_t pixels = cifar_shape.height * cifar_shape.width;
  for (int64_t i = 0; i < pixels; ++i)
    for (int64_t c = 0; c < cifar_shape.channels; ++c) to.push_back(planar[c * pixels + i]);
}

void append_records(ArraySource& source, const Edition& edition, const std::string& name, const std::string& bytes,
                    const std::string& where) {
  const auto record = static_cast<size_t>(edition.label_bytes + cifar_shape.bytes());
  if (bytes.empty() || bytes.size() % record != 0) {
    fail("data", where + ": " + name + ": expected records of " + std::to_string(record) + " bytes, found " +
                     std::to_string(bytes.size()) + " bytes. Hint: the file may be truncated; download it again");
  }
  for (size_t at = 0; at < bytes.size(); at += record) {
    const auto label = static_cast<uint8_t>(bytes[at + static_cast<size_t>(edition.label_bytes) - 1]);
    const auto number = " #" + std::to_string(at / record);
    if (label >= edition.classes) {
      fail("data", where + ": " + name + number + ": expected a label below " + std::to_string(edition.classes) +
                       ", found " + std::to_string(label));
    }
    source.entries.push_back({name + number, label});
    append_pixels(*source.pixels, reinterpret_cast<const uint8_t*>(bytes.data()) + at + edition.label_bytes);
  }
}

void read_names(ArraySource& source, const Edition& edition, const Files& files) {
  const auto found = files.find(edition.names_file);
  if (found == files.end()) return;
  source.class_names = names_by_line(found->second, edition.names_file);
  if (static_cast<int64_t>(source.class_names.size()) != edition.classes) source.class_names.clear();
}

// Reads an archive once, for both splits.
struct CifarPath : OpenedPath {
  explicit CifarPath(path given) : given(std::move(given)), folder(std::filesystem::is_directory(this->given)) {}

  std::string place(const std::optional<std::string>& split, const std::optional<std::string>& domain) override {
    refuse_domain(given, domain);
    return name_of_split({{"train", "train"}, {"test", "test"}}, split, given.string());
  }

  std::unique_ptr<Source> open(const std::string& split) override {
    const bool train = split == "train";
    read(train);
    auto source = std::make_unique<ArraySource>();
    source->each = cifar_shape;
    source->manifest.add("cifar/" + split);
    if (!folder) source->manifest.add_file(given, "", Content::ends);
    for (const auto& edition : editions) {
      if (!has_files_of(edition, train)) continue;
      for (const auto& name : edition.files(train)) {
        append_records(*source, edition, name, files.at(name), given.string());
        if (folder) source->manifest.add_file(given / name, name, Content::ends);
      }
      read_names(*source, edition, files);
      std::erase_if(files, [&](const auto& file) { return is_of_split(file.first, train); });
      return source;
    }
    if (holds[!train])
      fail<MissingSplit>("data", given.string() + ": expected the split '" + split + "', found only the other one");
    fail("data", given.string() +
                     ": expected CIFAR's binary version (data_batch_1.bin or train.bin, test_batch.bin or test.bin), "
                     "found none of its files. Hint: unpack a tar of images, or pack it as a zip");
  }

 private:
  // Whether the files of the split are there. Errors: UserError, if only some of them are.
  bool has_files_of(const Edition& edition, bool train) const {
    Names missing;
    for (const auto& name : edition.files(train))
      if (!files.contains(name)) missing.push_back(name);
    if (missing.size() == edition.files(train).size()) return false;
    if (!missing.empty())
      fail("data", given.string() + ": expected all of " + quoted_list(edition.files(train)) + ", found no " +
                       quoted_list(missing) + ". Hint: unpack or download the data again");
    return true;
  }

  // The files of the split; from an archive those of both splits.
  void read(bool train) {
    if (!folder) {
      if (!was_read)
        files = read_tar(given, [this](const std::string& name) {
          for (const bool of : {false, true})
            if (is_of_split(name, of)) holds[of] = true;
          return is_names_file(name) || is_of_split(name, true) || is_of_split(name, false);
        });
      was_read = true;
      return;
    }
    log_detail("[data] reading " + given.string());
    for (const auto& entry : std::filesystem::directory_iterator(given)) {
      const auto name = entry.path().filename().string();
      if (is_of_split(name, !train)) holds[!train] = true;
      if (is_names_file(name) || is_of_split(name, train)) files[name] = read_file(entry.path());
    }
  }

  path given;
  bool folder, was_read = false;
  bool holds[2] = {false, false};  // files of the test and of the training split
  Files files;                     // files that no split has taken yet
};

std::unique_ptr<OpenedPath> open(const path& given, const DataOptions&) { return std::make_unique<CifarPath>(given); }

bool recognises(const path& given) {
  if (!std::filesystem::is_directory(given)) return is_tar(given);
  const auto there = [&](const std::string& name) { return std::filesystem::exists(given / name); };
  const auto& ten = editions[0];
  return std::any_of(ten.train.begin(), ten.train.end(), there) || there(ten.test[0]) ||
         (there("train.bin") && there("fine_label_names.txt"));
}

}  // namespace

const SourceKind cifar_source{"CIFAR", "a CIFAR-10 or CIFAR-100 binary archive (.tar.gz) or its folder", recognises,
                              open};

}  // namespace fqgan
