// X.zip: one PNG per image, stored without further compression (APPNOTE.TXT 6.3, with the ZIP64 records when they are
// needed). The same images give the same bytes.
#include <zlib.h>

#include <algorithm>

#include "fqgan/core/atomic_file.h"
#include "fqgan/inference/output_files.h"
#include "fqgan/inference/output_kinds.h"

namespace fqgan {
namespace {

constexpr uint64_t limit16 = 0xffff, limit32 = 0xffffffff;  // as a value: "see the ZIP64 record"
constexpr uint16_t version = 20, version64 = 45;
constexpr uint16_t dos_date = 1 << 5 | 1;  // 1 January 1980
constexpr uint16_t utf8_name = 0x800;

/// Little-endian numbers, one after the other.
class Record {
 public:
  Record& u16(uint64_t value) { return bytes(value, 2); }
  Record& u32(uint64_t value) { return bytes(value, 4); }
  Record& u64(uint64_t value) { return bytes(value, 8); }
  Record& text(std::string_view value) {
    content_ += value;
    return *this;
  }
  const std::string& content() const { return content_; }

 private:
  Record& bytes(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) content_ += static_cast<char>(value >> 8 * i & 0xff);
    return *this;
  }
  std::string content_;
};

class ZipOutput : public PngFiles {
 public:
  ZipOutput(const std::filesystem::path& target, const std::vector<std::string>& class_names)
      : PngFiles(class_names), file_(target) {}

  void finish() override {
    const uint64_t start = bytes_, length = directory_.content().size();
    write(directory_.content());
    if (entries_ >= limit16 || start >= limit32 || length >= limit32) write(end64(start, length));
    const auto count = std::min(entries_, limit16);
    Record end;
    end.u32(0x06054b50).u16(0).u16(0).u16(count).u16(count);
    end.u32(std::min(length, limit32)).u32(std::min(start, limit32)).u16(0);
    write(end.content());
    file_.commit();
  }

 protected:
  void put(const std::string& name, std::string_view png) override {
    const bool ascii =
        std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 128; });
    const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(png.data()), png.size());
    const bool far = bytes_ >= limit32;
    Record shared;  // by the local header and the entry of the directory
    shared.u16(far ? version64 : version).u16(ascii ? 0 : utf8_name).u16(/*stored*/ 0).u16(/*time*/ 0).u16(dos_date);
    shared.u32(sum).u32(png.size()).u32(png.size()).u16(name.size());
    Record extra;
    if (far) extra.u16(1).u16(8).u64(bytes_);
    directory_.u32(0x02014b50).u16(version64).text(shared.content()).u16(extra.content().size()).u16(0).u16(0).u16(0);
    directory_.u32(0).u32(std::min(bytes_, limit32)).text(name).text(extra.content());
    Record local;
    local.u32(0x04034b50).text(shared.content()).u16(0).text(name);
    write(local.content());
    write(png);
    ++entries_;
  }

 private:
  void write(std::string_view bytes) {
    file_.write(bytes);
    bytes_ += bytes.size();
  }

  /// The ZIP64 end record and its locator, behind a directory of `length` bytes at `start`.
  std::string end64(uint64_t start, uint64_t length) const {
    Record record;
    record.u32(0x06064b50).u64(44).u16(version64).u16(version64).u32(0).u32(0);
    record.u64(entries_).u64(entries_).u64(length).u64(start);
    record.u32(0x07064b50).u32(0).u64(start + length).u32(1);
    return record.content();
  }

  AtomicFile file_;
  Record directory_;
  uint64_t bytes_ = 0, entries_ = 0;
};

}  // namespace

std::unique_ptr<ImageOutput> open_zip_output(const std::filesystem::path& target, OutputOptions options) {
  return std::make_unique<ZipOutput>(target, options.class_names);
}

}  // namespace fqgan
