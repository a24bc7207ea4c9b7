#include "fqgan/checkpoint/metadata.h"

#include <charconv>

#include "fqgan/core/error.h"

namespace fqgan {

const std::string& text_of(const std::map<std::string, std::string>& metadata, const std::string& key,
                           const std::string& where) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) fail(where, "expected '" + key + "' in the checkpoint's metadata, found none");
  return found->second;
}

int64_t number_of(const std::map<std::string, std::string>& metadata, const std::string& key,
                  const std::string& where) {
  const auto& text = text_of(metadata, key, where);
  int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    fail(where, "expected a number in the checkpoint's metadata '" + key + "', found '" + text + "'");
  return number;
}

}  // namespace fqgan
