#include "fqgan/data/archives/npz.h"

#include "fqgan/core/error.h"

#ifdef FQGAN_DECODERS
#include <ATen/ops/empty.h>
#include <zip.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/shape.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/npy.h"

namespace fqgan {
namespace {

constexpr int64_t most_bytes = int64_t{1} << 30;  // of an array; a covariance of 11,585 features
constexpr int64_t most_text_bytes = 4096;
constexpr const char* copy_again = ". Hint: copy it again, or write it again";

struct Close {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Archive = std::unique_ptr<zip_t, Close>;
using Entry = std::unique_ptr<zip_file_t, Close>;
using Source = std::unique_ptr<zip_source_t, Close>;

/// The number of bytes that could be read.
int64_t read(zip_file_t* entry, char* target, int64_t bytes) {
  int64_t got = 0;
  while (got < bytes) {
    const auto now = zip_fread(entry, target + got, static_cast<zip_uint64_t>(bytes - got));
    if (now <= 0) break;
    got += now;
  }
  return got;
}

void read_all(zip_file_t* entry, char* target, int64_t bytes, const std::string& where) {
  if (read(entry, target, bytes) < bytes)
    fail(where, "expected a whole array, found a part of it" + std::string(copy_again));
}

NpyHeader read_header(zip_file_t* entry, const std::string& where) {
  std::string text(npy_start_bytes, '\0');
  text.resize(static_cast<size_t>(read(entry, text.data(), npy_start_bytes)));
  const auto bytes = npy_header_bytes(text, where);
  text.resize(static_cast<size_t>(bytes));
  read_all(entry, text.data() + npy_start_bytes, bytes - npy_start_bytes, where);
  return parse_npy_header(text, where);
}

/// Refuses what would take more memory than any covariance, before that is allocated.
void check_size(const std::vector<int64_t>& shape, int64_t element_bytes, const std::string& where) {
  int64_t bytes = element_bytes;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    fail(where, "expected an array with values, got shape " + shape_text(shape));
  for (const auto extent : shape) bytes = std::min(bytes, most_bytes + 1) * std::min(extent, most_bytes + 1);
  if (bytes > most_bytes) fail(where, "expected an array of at most 1 GiB, got shape " + shape_text(shape));
}

at::Tensor numbers_of(zip_file_t* entry, const NpyHeader& header, const std::string& where) {
  const std::map<std::string, at::ScalarType> types = {{"<f4", at::kFloat}, {"<f8", at::kDouble}, {"<i8", at::kLong}};
  const auto type = types.find(header.type);
  if (type == types.end())
    fail(where, "expected numbers of type <f4, <f8 or <i8, got " +
                    (header.type == "|O" ? "pickled objects, which are code" : one_line(header.type)));
  auto shape = header.shape;
  if (header.fortran_order) std::reverse(shape.begin(), shape.end());
  check_size(shape, static_cast<int64_t>(c10::elementSize(type->second)), where);
  const auto numbers = at::empty(shape, at::TensorOptions(type->second));
  read_all(entry, static_cast<char*>(numbers.mutable_data_ptr()), static_cast<int64_t>(numbers.nbytes()), where);
  if (!header.fortran_order) return numbers;
  std::vector<int64_t> reversed(shape.size());
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return numbers.permute(reversed).contiguous();
}

std::string text_of(zip_file_t* entry, const NpyHeader& header, const std::string& where) {
  const bool wide = header.type[1] == 'U';
  const auto digits = header.type.substr(2);
  const bool number =
      !digits.empty() && digits.size() <= 6 && digits.find_first_not_of("0123456789") == std::string::npos;
  const auto bytes = number ? std::stoll(digits) * (wide ? 4 : 1) : most_text_bytes + 1;
  if (!header.shape.empty() || bytes > most_text_bytes)
    fail(where, "expected one short text, got type " + one_line(header.type) + " with " +
                    std::to_string(header.shape.size()) + " dimensions");
  std::string raw(static_cast<size_t>(bytes), '\0'), text;
  read_all(entry, raw.data(), bytes, where);
  for (size_t i = 0; i < raw.size(); i += wide ? 4 : 1) {
    const bool ascii =
        static_cast<unsigned char>(raw[i]) < 128 && (!wide || (!raw[i + 1] && !raw[i + 2] && !raw[i + 3]));
    text += ascii ? raw[i] : '?';
  }
  return text.substr(0, text.find_last_not_of('\0') + 1);
}

bool is_text(const NpyHeader& header) {
  return header.type.size() > 2 && (header.type.starts_with("<U") || header.type.starts_with("|S"));
}

NpzArray read_array(zip_file_t* entry, const std::string& where) {
  const auto header = read_header(entry, where);
  NpzArray array;
  if (is_text(header))
    array.text = text_of(entry, header, where);
  else
    array.numbers = numbers_of(entry, header, where);
  char more = 0;
  if (zip_fread(entry, &more, 1) != 0)  // libzip compares the checksum at the end
    fail(where, std::string("expected an undamaged array, found another checksum or more bytes") + copy_again);
  return array;
}

std::string npy_of(const NpzArray& array) {
  if (!array.numbers.defined()) {
    std::string wide;
    for (const char c : array.text) wide += std::string{c, '\0', '\0', '\0'};
    return npy_header("<U" + std::to_string(array.text.size()), {}) + wide;
  }
  const auto numbers = array.numbers.contiguous();
  const auto type = numbers.scalar_type();
  FQGAN_CHECK(type == at::kFloat || type == at::kDouble || type == at::kLong, "a type that read_npz reads");
  const std::string name = type == at::kFloat ? "<f4" : type == at::kDouble ? "<f8" : "<i8";
  return npy_header(name, numbers.sizes().vec()) +
         std::string(static_cast<const char*>(numbers.const_data_ptr()), numbers.nbytes());
}

[[noreturn]] void fail_to_write(const std::string& path, zip_error_t* error) {
  fail<SystemError>(path, std::string("cannot make a zip archive: ") + zip_error_strerror(error));
}

void add(zip_t* archive, const std::string& name, const std::string& npy, const std::string& path) {
  auto* source = zip_source_buffer(archive, npy.data(), npy.size(), 0);
  const auto index = source ? zip_file_add(archive, name.c_str(), source, 0) : -1;
  if (index < 0) fail_to_write(path, zip_get_error(archive));
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  zip_file_set_dostime(archive, static_cast<zip_uint64_t>(index), 0, 1 << 5 | 1, 0);  // 1 January 1980
}

std::string content_of(zip_source_t* source, const std::string& path) {
  zip_stat_t facts;
  if (zip_source_stat(source, &facts) != 0 || zip_source_open(source) != 0)
    fail_to_write(path, zip_source_error(source));
  std::string content(facts.size, '\0');
  const auto got = zip_source_read(source, content.data(), content.size());
  zip_source_close(source);
  if (got != static_cast<zip_int64_t>(content.size())) fail_to_write(path, zip_source_error(source));
  return content;
}

/// Whether several files have this name, of which other programs take another one.
bool is_twice(zip_t* archive, const std::string& name) {
  int64_t found = 0;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i)
    if (const auto* own = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0); own && name == own) ++found;
  return found > 1;
}

}  // namespace

NpzArrays read_npz(const std::string& path, const std::vector<std::string>& names) {
  int code = 0;
  const Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(path, "expected a file of NumPy (.npz), got: " + reason + copy_again);
  }
  NpzArrays arrays;
  for (const auto& name : names) {
    const auto index = zip_name_locate(archive.get(), (name + ".npy").c_str(), 0);
    if (index < 0) continue;
    const Entry entry(zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(index), 0));
    const auto where = path + ", " + name;
    if (is_twice(archive.get(), name + ".npy"))
      fail(where, "expected one array of this name, found several" + std::string(copy_again));
    if (!entry) fail(where, std::string("expected a readable array, got: ") + zip_strerror(archive.get()) + copy_again);
    arrays.emplace(name, read_array(entry.get(), where));
  }
  return arrays;
}

void write_npz(const std::string& path, const NpzArrays& arrays) {
  zip_error_t error;
  zip_error_init(&error);
  const Source memory(zip_source_buffer_create(nullptr, 0, 0, &error));
  if (!memory) fail_to_write(path, &error);
  zip_source_keep(memory.get());  // the archive takes one reference, and the content is read from the other
  Archive archive(zip_open_from_source(memory.get(), ZIP_TRUNCATE, &error));
  if (!archive) fail_to_write(path, &error);
  std::map<std::string, std::string> files;  // libzip reads them when the archive is closed
  for (const auto& [name, array] : arrays) files[name + ".npy"] = npy_of(array);
  for (const auto& [name, npy] : files) add(archive.get(), name, npy, path);
  if (zip_close(archive.get()) != 0) fail_to_write(path, zip_get_error(archive.get()));
  archive.release();
  write_file_atomically(path, content_of(memory.get(), path));
}

}  // namespace fqgan
#else
namespace fqgan {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  fail(path, "this build cannot read and write files of NumPy (.npz). Hint: build with -DFQGAN_DECODERS=ON");
}

}  // namespace

NpzArrays read_npz(const std::string& path, const std::vector<std::string>&) { refuse(path); }
void write_npz(const std::string& path, const NpzArrays&) { refuse(path); }

}  // namespace fqgan
#endif
