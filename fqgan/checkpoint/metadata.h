// Reading a checkpoint's metadata: what is missing or no number is the user's file, not our crash.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace fqgan {

/// Errors: UserError that names `where` and the key.
const std::string& text_of(const std::map<std::string, std::string>& metadata, const std::string& key,
                           const std::string& where);
/// A whole number >= 0. Errors: as text_of; a text that is none.
int64_t number_of(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& where);

}  // namespace fqgan
