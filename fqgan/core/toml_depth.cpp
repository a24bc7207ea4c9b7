#include "fqgan/core/toml_depth.h"

#include <algorithm>
#include <vector>

#include "fqgan/core/error.h"

namespace fqgan {
namespace {

/// The end of a string or comment that begins at `begin`; `begin` if none does. A string without an end goes to the end
/// of its line, and one of three quotes to the end of the text.
size_t end_of_text_at(std::string_view text, size_t begin) {
  const char quote = text[begin];
  const auto end_of_line = std::min(text.find('\n', begin), text.size());
  if (quote == '#') return end_of_line;
  if (quote != '"' && quote != '\'') return begin;
  const bool is_long = text.substr(begin, 3) == std::string(3, quote);
  const std::string closing(is_long ? 3 : 1, quote);
  const auto limit = is_long ? text.size() : end_of_line;
  for (size_t i = begin + closing.size(); i < limit; ++i) {
    if (text[i] == '\\' && quote == '"')
      ++i;
    else if (text.substr(i, closing.size()) == closing)
      return is_long ? std::min(text.find_first_not_of(quote, i), text.size()) : i + 1;  // """a"""" ends with a quote
  }
  return limit;
}

}  // namespace

void refuse_deep_toml(std::string_view text, const std::string& name) {
  size_t dots = 0, open = 0, line = 1;  // dots of the current key; depth of the open brackets
  std::vector<size_t> brackets;         // what each open bracket adds
  for (size_t i = 0; i < text.size(); ++i) {
    if (const auto end = end_of_text_at(text, i); end > i) {
      line += static_cast<size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                             text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      i = end - 1;
    } else if (text[i] == '.') {
      ++dots;
    } else if (text[i] == '[' || text[i] == '{') {
      brackets.push_back(dots + 1);
      open += brackets.back();
      dots = 0;
    } else if (text[i] == ']' || text[i] == '}') {
      open -= brackets.empty() ? 0 : brackets.back();
      if (!brackets.empty()) brackets.pop_back();
    } else if (text[i] == '\n' || text[i] == ',') {
      dots = 0;
      line += text[i] == '\n';
    }
    if (dots + open > most_nested_tables)
      fail(name + ":" + std::to_string(line),
           "expected at most " + std::to_string(most_nested_tables) + " tables and lists within each other, got more");
  }
}

}  // namespace fqgan
