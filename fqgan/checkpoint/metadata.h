// Reads a checkpoint's metadata; missing or wrong entries are errors of the user's file.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace fqgan {

/// Errors: UserError that names `where` and the key.
const std::string& text_of(const std::map<std::string, std::string>& metadata, const std::string& key,
                           const std::string& where);
/// A whole number >= 0. Errors: as text_of, and for a text that is not such a number.
int64_t number_of(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& where);

}  // namespace fqgan
