#include "fqgan/data/sources/dataset_json.h"

#include <nlohmann/json.hpp>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

std::string start_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80);
}

}  // namespace

DatasetJson parse_dataset_json(const std::string& text, const std::string& where) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) fail("data", where + ": expected a JSON object with \"labels\", got another JSON value");
  DatasetJson result;
  if (const auto labels = json.find("labels"); labels != json.end() && !labels->is_null()) {
    if (!labels->is_array()) fail("data", where + ": expected \"labels\" to be a list of [name, label] pairs");
    for (const auto& pair : *labels) {
      const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_number_integer() &&
                        pair[1].get<int64_t>() >= 0 && pair[1].get<int64_t>() < 1'000'000;
      if (!good) fail("data", where + ": expected [\"name\", label] with a whole number >= 0, got " + start_of(pair));
      result.labels[pair[0].get<std::string>()] = pair[1].get<int64_t>();
    }
  }
  if (const auto names = json.find("class_names"); names != json.end() && names->is_array()) {
    for (const auto& name : *names) {
      if (!name.is_string()) fail("data", where + ": expected \"class_names\" to be a list of strings");
      result.class_names.push_back(name.get<std::string>());
    }
  }
  return result;
}

}  // namespace fqgan
