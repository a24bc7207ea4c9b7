#include "fqgan/run/log_reader.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"

namespace fqgan {
namespace {

using nlohmann::json;

constexpr int most_nested = 100;  // flatten is recursive

/// Whether all of the value fitted: it is not nested too deeply.
bool flatten(const json& value, const std::string& key, LogRecord& record, int depth = 0) {
  if (value.is_structured()) {
    if (depth == most_nested) return false;
    for (const auto& [name, inner] : value.items())
      if (!flatten(inner, key.empty() ? name : key + "." + name, record, depth + 1)) return false;
  } else if (value.is_string()) {
    record.strings[key] = value.get<std::string>();
  } else if (value.is_boolean()) {
    record.numbers[key] = value.get<bool>() ? 1 : 0;
  } else {
    record.numbers[key] = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  }
  return true;
}

}  // namespace

std::vector<LogRecord> read_log(const std::filesystem::path& path) {
  std::vector<LogRecord> records;
  if (!std::filesystem::exists(path)) return records;
  const std::string text = read_file(path);
  size_t begin = 0;
  for (int64_t line = 1; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view entry = std::string_view(text).substr(begin, end - begin);
    const json value = json::parse(entry, nullptr, /*allow_exceptions=*/false);
    if (!value.is_object() && end == text.size()) break;  // incomplete
    if (!value.is_object()) {
      fail(path.string(), "line " + std::to_string(line) + ": expected a JSON object, got '" +
                              std::string(entry.substr(0, 40)) + "'. Hint: remove that line");
    }
    if (!flatten(value, "", records.emplace_back()))
      fail(path.string(), "line " + std::to_string(line) + ": expected at most " + std::to_string(most_nested) +
                              " objects within each other, got more. Hint: remove that line");
    begin = end + 1;
  }
  return records;
}

}  // namespace fqgan
