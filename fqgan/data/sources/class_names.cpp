#include "fqgan/data/sources/class_names.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <set>
#include <sstream>

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/log.h"
#include "fqgan/core/text.h"
#include "fqgan/data/sources/name_folding.h"

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

using Folding = std::u32string (*)(const std::string& name);

// How names are compared, the strictest first.
const Folding foldings[] = {
    [](const std::string& name) { return std::u32string(name.begin(), name.end()); },
    [](const std::string& name) { return decomposed(name); },
    [](const std::string& name) { return in_lower_case(decomposed(name)); },
    [](const std::string& name) { return without_marks(in_lower_case(decomposed(name))); },
};

// For each folder the index of the line with its name, or -1: exact names come first, so that "Cat" and "cat" may be
// two classes. Names that could stand for several folders or lines stand for none.
std::vector<int64_t> matching_lines(const std::vector<std::string>& folders, const std::vector<std::string>& lines) {
  std::vector<int64_t> found(folders.size(), -1);
  std::vector<char> taken(lines.size());
  for (const auto folded : foldings) {
    std::map<std::u32string, std::pair<std::vector<size_t>, std::vector<size_t>>> equal;  // folders and lines
    for (size_t k = 0; k < folders.size(); ++k)
      if (found[k] < 0) equal[folded(folders[k])].first.push_back(k);
    for (size_t i = 0; i < lines.size(); ++i)
      if (taken[i] == 0) equal[folded(lines[i])].second.push_back(i);
    for (const auto& [name, same] : equal) {
      if (same.first.size() != 1 || same.second.size() != 1) continue;
      found[same.first[0]] = static_cast<int64_t>(same.second[0]);
      taken[same.second[0]] = 1;
    }
  }
  return found;
}

// Whether a line is a folder's name after all foldings.
bool share_a_name(const std::vector<std::string>& folders, const std::vector<std::string>& lines) {
  const auto folded = *std::rbegin(foldings);
  std::set<std::u32string> names;
  for (const auto& folder : folders) names.insert(folded(folder));
  return std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return names.contains(folded(line)); });
}

void say_names_by_order(const std::vector<std::string>& folders, const std::vector<std::string>& lines,
                        const std::string& where) {
  constexpr size_t most = 5;
  const auto both = std::min(folders.size(), lines.size());
  std::vector<std::string> parts;
  for (size_t k = 0; k < std::min(both, most); ++k)
    parts.push_back("'" + printable(folders[k]) + "' is '" + lines[k] + "'");
  if (both > 0)
    log_info("[data] " + where + ": class names by order: " + join(parts) +
             (both > most ? " and " + std::to_string(both - most) + " more" : ""));
}

}  // namespace

std::vector<int64_t> lines_of_folders(const std::vector<std::string>& folders, const std::vector<std::string>& lines,
                                      const std::string& where) {
  auto found = matching_lines(folders, lines);
  std::vector<std::string> unnamed, unused;
  for (size_t k = 0; k < folders.size(); ++k)
    if (found[k] < 0) unnamed.push_back(folders[k]);
  if (unnamed.empty()) return found;
  if (!share_a_name(folders, lines)) {
    say_names_by_order(folders, lines, where);
    std::iota(found.begin(), found.end(), 0);
    return found;
  }
  for (size_t i = 0; i < lines.size(); ++i)
    if (std::find(found.begin(), found.end(), static_cast<int64_t>(i)) == found.end()) unused.push_back(lines[i]);
  fail("data", where + ": expected a line for each class folder, found none for " + printable(short_list(unnamed)) +
                   (unused.empty() ? "" : ", and no folder for the lines " + short_list(unused)) +
                   ". Hint: write the folders' exact names, or other names for all of them in their sorted order");
}

void warn_of_equal_names(const std::vector<std::string>& folders, const std::string& where) {
  std::map<std::u32string, std::string> seen;
  for (const auto& folder : folders) {
    const auto [first, added] = seen.emplace(decomposed(folder), folder);
    if (!added)
      log_warning("[data] " + where + ": two class folders are named '" + printable(folder) +
                  "', with accents in two encodings: they are read as two classes");
  }
}

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
    if (const auto shown = one_line(name); shown != name)
      fail("data", where + ": expected class names without line breaks and other control characters, got '" + shown +
                       "'. Hint: rename the folder, or correct the list of names");
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
