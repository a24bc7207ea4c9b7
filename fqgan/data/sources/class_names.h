// Lists of class names, as files and recipes have them.
#pragma once

#include <string>
#include <vector>

namespace fqgan {

/// The names in a text file with one name per line. Errors: UserError (an empty line between names). `where` begins the
/// message.
std::vector<std::string> names_by_line(const std::string& text, const std::string& where);

/// Errors: UserError for a name that is empty, occurs twice or is not UTF-8.
void check_class_names(const std::vector<std::string>& names, const std::string& where);

}  // namespace fqgan
