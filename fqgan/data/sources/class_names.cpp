#include "fqgan/data/sources/class_names.h"

#include <charconv>
#include <set>
#include <sstream>

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

// "\r\n" and "\r" end lines too.
std::string with_plain_line_ends(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r')
      result += text[i];
    else if (i + 1 == text.size() || text[i + 1] != '\n')
      result += '\n';
  return result;
}

}  // namespace

std::vector<std::string> names_by_line(const std::string& text, const std::string& where) {
  std::istringstream lines(with_plain_line_ends(without_byte_order_mark(text)));
  std::vector<std::string> names;
  bool after_empty = false;
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos) {
      after_empty = !names.empty();
      continue;
    }
    if (after_empty)
      fail("data", where + ": expected one class name per line, found an empty line after '" + printable(names.back()) +
                       "'. Hint: remove it");
    names.push_back(line.substr(begin, line.find_last_not_of(" \t") + 1 - begin));
  }
  return names;
}

void check_class_names(const std::vector<std::string>& names, const std::string& where) {
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (!is_utf8(name))
      fail("data", where + ": expected class names in UTF-8, got '" + printable(name) +
                       "'. Hint: rename the folder, or save the file of names as UTF-8");
    if (name.empty()) fail("data", where + ": expected class names, got an empty one");
    if (!seen.insert(name).second) fail("data", where + ": expected different class names, got '" + name + "' twice");
  }
}

int64_t class_named(const std::string& name, const std::vector<std::string>& names, const std::string& where) {
  const auto count = static_cast<int64_t>(names.size());
  std::vector<std::string> in_other_case;
  int64_t found = -1;
  for (int64_t k = 0; k < count; ++k) {
    const auto& one = names[static_cast<size_t>(k)];
    if (one == name) return k;
    if (lower(one) != lower(name)) continue;
    in_other_case.push_back(one);
    found = k;
  }
  if (in_other_case.size() == 1) return found;
  if (in_other_case.size() > 1)
    fail(where, "expected the exact name of a class, got '" + name + "', which could be " + quoted_list(in_other_case));
  int64_t index = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error == std::errc() && end == name.data() + name.size()) {
    if (index >= 0 && index < count) return index;
    fail(where, "expected a class from 0 to " + std::to_string(count - 1) + ", got " + name);
  }
  fail(where, "expected the name or index of a class, got '" + name + "'" +
                  suggestion(name, names, ". Hint: " + command_line({"inspect", "MODEL"}) + " lists the classes"));
}

}  // namespace fqgan
