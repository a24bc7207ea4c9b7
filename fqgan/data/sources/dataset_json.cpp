#include "fqgan/data/sources/dataset_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fqgan/core/error.h"
#include "fqgan/core/text.h"
#include "fqgan/data/archives/file_tree.h"
#include "fqgan/data/sources/class_names.h"

namespace fqgan {
namespace {

std::string start_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80);
}

// The parser counts bytes from 1.
std::string place_in(const std::string& text, size_t byte) {
  const auto before = std::string_view(text).substr(0, byte > 0 ? byte - 1 : 0);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto start = before.rfind('\n');
  const auto column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// Printing a value recurses, so that deep nesting would overflow the stack.
constexpr int deepest = 100;

nlohmann::json parsed(const std::string& text, const std::string& where) {
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
    if (depth > deepest)
      fail("data", where + ": expected at most " + std::to_string(deepest) + " levels of nested JSON, found more");
    return true;
  };
  try {
    return nlohmann::json::parse(text, check_depth);
  } catch (const nlohmann::json::parse_error& error) {
    fail("data", where + ": " + place_in(text, error.byte) +
                     ": expected JSON, found something else. Hint: python3 -m json.tool shows the fault");
  } catch (const nlohmann::json::out_of_range&) {
    fail("data", where + ": expected JSON with numbers of at most 64 bits, found a larger one");
  }
}

void read_label(const nlohmann::json& pair, DatasetJson& result, const std::string& where) {
  const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_number_integer() &&
                    pair[1].get<int64_t>() >= 0 && pair[1].get<int64_t>() < 1'000'000;
  if (!good) fail("data", where + ": expected [\"name\", label] with a whole number >= 0, got " + start_of(pair));
  const auto label = pair[1].get<int64_t>();
  const auto [known, added] = result.labels.emplace(plain_name(pair[0].get<std::string>()), label);
  if (!added && known->second != label)
    fail("data", where + ": expected one label for '" + printable(known->first) + "', got " +
                     std::to_string(known->second) + " and " + std::to_string(label));
}

}  // namespace

DatasetJson parse_dataset_json(const std::string& bytes, const std::string& where) {
  const auto json = parsed(without_byte_order_mark(bytes), where);
  if (!json.is_object()) fail("data", where + ": expected a JSON object with \"labels\", got another JSON value");
  DatasetJson result;
  if (const auto labels = json.find("labels"); labels != json.end() && !labels->is_null()) {
    if (!labels->is_array()) fail("data", where + ": expected \"labels\" to be a list of [name, label] pairs");
    for (const auto& pair : *labels) read_label(pair, result, where);
  }
  if (const auto names = json.find("class_names"); names != json.end() && !names->is_null()) {
    if (!names->is_array()) fail("data", where + ": expected \"class_names\" to be a list of strings");
    for (const auto& name : *names) {
      if (!name.is_string()) fail("data", where + ": expected \"class_names\" to be a list of strings");
      result.class_names.push_back(name.get<std::string>());
    }
    check_class_names(result.class_names, where);
  }
  return result;
}

}  // namespace fqgan
