#include "fqgan/run/json_lines.h"

#include <nlohmann/json.hpp>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"

namespace fqgan {

void complete_last_line(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  const size_t whole = text.rfind('\n') + 1;  // 0 if there is no complete line
  if (whole == text.size()) return;
  if (nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(whole), text.end(), nullptr, false).is_object())
    AppendFile(path).append("\n");
  else
    std::filesystem::resize_file(path, whole);
}

JsonLines::JsonLines(const std::filesystem::path& path) : file_(path) { complete_last_line(path); }

void JsonLines::append(std::string_view json_object) {
  FQGAN_CHECK(json_object.find('\n') == json_object.npos, "a log entry is one line");
  file_.append(std::string(json_object) + '\n');
}

int64_t JsonLines::flush() { return file_.flush(); }

}  // namespace fqgan
