#include "fqgan/run/json_lines.h"

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"

namespace fqgan {
namespace {

void cut_torn_line(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  const size_t whole = text.rfind('\n') + 1;  // 0 if there is no complete line
  if (whole != text.size()) std::filesystem::resize_file(path, whole);
}

}  // namespace

JsonLines::JsonLines(const std::filesystem::path& path) : file_(path) { cut_torn_line(path); }

void JsonLines::append(std::string_view json_object) {
  FQGAN_CHECK(json_object.find('\n') == json_object.npos, "a log entry is one line");
  file_.append(std::string(json_object) + '\n');
}

int64_t JsonLines::flush() { return file_.flush(); }

}  // namespace fqgan
