// Lists of class names, as files and recipes have them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fqgan {

/// The names in a text file with one name per line. Errors: UserError (an empty line between names). `where` begins the
/// message.
std::vector<std::string> names_by_line(const std::string& text, const std::string& where);

/// The class of each folder, given the lines of a file of class names: the line with the folder's name, be it in
/// another case, in another encoding of accents, or without accents. If no line is the name of a folder, the lines name
/// the folders in order, which is logged, as do no lines at all. Errors: UserError (lines for some folders only).
std::vector<int64_t> lines_of_folders(const std::vector<std::string>& folders, const std::vector<std::string>& lines,
                                      const std::string& where);

/// Logs folders whose names look the same, since they differ only in the encoding of accents.
void warn_of_equal_names(const std::vector<std::string>& folders, const std::string& where);

/// Errors: UserError for a name that is empty, occurs twice, is not UTF-8 or contains a control character, which would
/// break lines of logs and tables.
void check_class_names(const std::vector<std::string>& names, const std::string& where);

/// The index of the class that a person names: by its exact name, else by a name that differs in case only, else by the
/// index itself. Errors: UserError (no such class, several names that differ in case). `where` begins the message.
int64_t class_named(const std::string& name, const std::vector<std::string>& names, const std::string& where);

}  // namespace fqgan
