// X.zip: one PNG per image, stored without further compression. libzip reads all contents when the archive is closed;
// until then they are in a temporary file, not in memory. The same images give the same bytes.
#include "fqgan/core/error.h"
#include "fqgan/inference/output_files.h"
#include "fqgan/inference/output_kinds.h"

#ifdef FQGAN_DECODERS
#include <unistd.h>
#include <zip.h>

#include <fstream>

namespace fqgan {
namespace {

namespace fs = std::filesystem;

constexpr zip_uint16_t first_dos_date = 1 << 5 | 1;  // 1 January 1980

struct Entry {
  std::string name;
  uint64_t offset, bytes;  // in the temporary file
};

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, DiscardZip>;

Archive create_archive(const fs::path& path) {
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  fail<SystemError>(path.string(), "cannot write: " + reason);
}

bool add_entry(zip_t* archive, const Entry& entry, const fs::path& waiting) {
  zip_source_t* source = zip_source_file(archive, waiting.c_str(), entry.offset, static_cast<zip_int64_t>(entry.bytes));
  const auto index = source ? zip_file_add(archive, entry.name.c_str(), source, 0) : -1;
  return index >= 0 && zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) == 0 &&
         zip_file_set_dostime(archive, static_cast<zip_uint64_t>(index), 0, first_dos_date, 0) == 0;
}

// Closing writes a temporary file and renames it; if it fails, an existing file at `target` is unchanged.
void write_archive(const fs::path& target, const std::vector<Entry>& entries, const fs::path& waiting) {
  Archive archive = create_archive(target);
  bool written = true;
  for (const auto& entry : entries) written = written && add_entry(archive.get(), entry, waiting);
  if (!written || zip_close(archive.get()) != 0) {
    fail<SystemError>(target.string(), "cannot write: " + std::string(zip_strerror(archive.get())));
  }
  archive.release();  // closing has freed it
}

class ZipOutput : public PngFiles {
 public:
  ZipOutput(const fs::path& target, const std::vector<std::string>& class_names)
      : PngFiles(class_names),
        target_(target),
        waiting_(target.string() + ".partial-" + std::to_string(getpid())),  // as core/atomic_file.h names them
        stream_(waiting_, std::ios::binary) {
    if (!stream_) fail_writing(waiting_);
  }

  ~ZipOutput() override {
    std::error_code ignored;
    fs::remove(waiting_, ignored);
  }

  void finish() override {
    stream_.close();
    if (!stream_) fail_writing(waiting_);
    write_archive(target_, entries_, waiting_);
  }

 protected:
  void put(const std::string& name, std::string_view png) override {
    stream_.write(png.data(), static_cast<std::streamsize>(png.size()));
    if (!stream_) fail_writing(waiting_);
    entries_.push_back({name, bytes_, png.size()});
    bytes_ += png.size();
  }

 private:
  fs::path target_, waiting_;
  std::ofstream stream_;
  std::vector<Entry> entries_;
  uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<ImageOutput> open_zip_output(const fs::path& target, OutputOptions options) {
  return std::make_unique<ZipOutput>(target, options.class_names);
}

}  // namespace fqgan
#else
namespace fqgan {

std::unique_ptr<ImageOutput> open_zip_output(const std::filesystem::path& target, OutputOptions options) {
  fail(target.string(),
       "this build writes no zip archives. Hint: write to a folder, or build with -DFQGAN_DECODERS=ON");
}

}  // namespace fqgan
#endif
