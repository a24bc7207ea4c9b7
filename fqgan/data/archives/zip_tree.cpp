// Zip archives, read by libzip. Names with "..", links and duplicate names are refused when the archive is opened,
// since it may be hostile; the reader limits the size of an entry (tree_source.cpp). Nothing is unpacked, so that every
// other name is only a name.
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/data/archives/file_tree.h"

#ifdef FQGAN_DECODERS
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <mutex>

#include "fqgan/core/text.h"
#include "fqgan/data/archives/file_names.h"
#include "fqgan/data/images/decode.h"

namespace fqgan {
namespace {

struct CloseZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, CloseZip>;

Archive open_archive(const std::filesystem::path& path) {
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  fail("data",
       path.string() + ": not a readable zip archive (" + reason + "). Hint: copy it again, or pack the images again");
}

bool leads_out_by_any_separator(std::string name) {
  std::replace(name.begin(), name.end(), '\\', '/');
  return leads_out(name);
}

bool is_link(zip_t* archive, zip_uint64_t index) {
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(archive, index, 0, &system, &attributes) != 0) return false;
  return system == ZIP_OPSYS_UNIX && S_ISLNK(attributes >> 16);
}

// Why an entry cannot be opened.
std::string why_closed(zip_t* archive) {
  const int code = zip_error_code_zip(zip_get_error(archive));
  if (code == ZIP_ER_NOPASSWD || code == ZIP_ER_ENCRNOTSUPP)
    return "the zip entry is encrypted. Hint: unpack the archive with its password";
  if (code == ZIP_ER_COMPNOTSUPP)
    return "the zip entry is packed by a method that is not supported. Hint: pack the images again, without it";
  return zip_strerror(archive);
}

class ZipTree : public FileTree {
 public:
  explicit ZipTree(const std::filesystem::path& path) {
    where = path;
    log_detail("[data] reading " + path.string());
    manifest = Manifest("zip");
    manifest.add_file(path, "", Content::ends);
    Archive archive = open_archive(path);
    const auto count = zip_get_num_entries(archive.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) add_entry(archive.get(), static_cast<zip_uint64_t>(i));
    idle_.push_back(std::move(archive));
    sort_out();
    add_contents_to_manifest();
  }

  std::string read(const File& file, int64_t bytes) const override {
    const Lease lease(*this);
    zip_file_t* entry = zip_fopen_index(lease.archive.get(), static_cast<zip_uint64_t>(file.id), 0);
    if (!entry) throw DecodeError(why_closed(lease.archive.get()));
    std::string result(static_cast<size_t>(std::min(file.size, bytes)), '\0');
    size_t got = 0;
    while (got < result.size()) {
      const auto now = zip_fread(entry, result.data() + got, result.size() - got);
      if (now <= 0) break;
      got += static_cast<size_t>(now);
    }
    const std::string reason = zip_file_strerror(entry);
    zip_fclose(entry);
    if (got < result.size()) throw DecodeError("damaged zip entry (" + reason + ")");
    return result;
  }

 private:
  // A handle of libzip serves one thread at a time. Handles are opened as needed and kept for the next reader.
  struct Lease {
    explicit Lease(const ZipTree& tree) : tree(tree) {
      const std::lock_guard lock(tree.mutex_);
      if (!tree.idle_.empty()) {
        archive = std::move(tree.idle_.back());
        tree.idle_.pop_back();
      } else {
        archive = open_archive(tree.where);
      }
    }
    ~Lease() {
      const std::lock_guard lock(tree.mutex_);
      tree.idle_.push_back(std::move(archive));
    }
    const ZipTree& tree;
    Archive archive;
  };

  void add_entry(zip_t* archive, zip_uint64_t index) {
    zip_stat_t status;
    // Names as they are: libzip would take names that are not UTF-8 for another encoding, which changes their order.
    if (zip_stat_index(archive, index, ZIP_FL_ENC_RAW, &status) != 0)
      refuse("entry " + std::to_string(index), "cannot be read");
    const std::string raw = status.name;
    const auto name = plain_name(raw);
    if (leads_out_by_any_separator(name)) refuse(name, "has a path outside of the archive");
    if (name.empty() || leave_out_of_other_tools(name)) return;
    if (raw.ends_with('/') || raw.ends_with('\\')) return add_folder(name);
    if (is_link(archive, index)) refuse(name, "is a link");
    add({name, static_cast<int64_t>(status.size), static_cast<int64_t>(index)});
  }

  [[noreturn]] void refuse(const std::string& name, const std::string& why) const {
    fail("data", where.string() + ": the entry '" + printable(name) + "' " + why +
                     ", which is refused. Hint: pack the images again");
  }

  mutable std::mutex mutex_;
  mutable std::vector<Archive> idle_;
};

}  // namespace

std::unique_ptr<FileTree> open_zip_tree(const std::filesystem::path& file) { return std::make_unique<ZipTree>(file); }

}  // namespace fqgan
#else
namespace fqgan {

std::unique_ptr<FileTree> open_zip_tree(const std::filesystem::path& file) {
  fail("data", file.string() + ": this build cannot read zip archives. Hint: build with -DFQGAN_DECODERS=ON");
}

}  // namespace fqgan
#endif
