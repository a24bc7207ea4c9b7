// Parts of messages: lists of names, "did you mean", numbers with few digits, text that stays on one line; and text of
// files and file names, which may be anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fqgan {

/// "a, b, c"
std::string join(const std::vector<std::string>& parts, const std::string& between = ", ");
/// "'a', 'b', 'c'"
std::string quoted_list(const std::vector<std::string>& names);
/// "'a', 'b', 'c' and 7 more": at most `most` of the names.
std::string short_list(const std::vector<std::string>& names, size_t most = 5);

/// The closest of `candidates` to `word` by edit distance, if it is close enough; else "".
std::string closest(const std::string& word, const std::vector<std::string>& candidates);
/// ". Did you mean 'x'?" if one of `candidates` is close to `word`; else `otherwise`.
std::string suggestion(const std::string& word, const std::vector<std::string>& candidates,
                       const std::string& otherwise = "");

/// Whether the text is UTF-8, as JSON and TOML require.
bool is_utf8(std::string_view text);
/// An error's message without its ". Hint: ...", for an error that gives another one.
std::string without_hint(const std::string& message);
/// The text with U+FFFD in place of control characters and of bytes that are not UTF-8.
std::string printable(std::string_view text);
/// The text without the UTF-8 byte order mark that some editors write at its start.
std::string without_byte_order_mark(std::string text);

/// Converts ASCII letters to lower case.
std::string lower(std::string text);
/// The text with control characters as escapes ("\n", "\x1b"), so that a name with a line break stays on its line.
std::string one_line(std::string_view text);
/// A field of a CSV file, in quotes if it needs them.
std::string csv_field(const std::string& text);
/// "1 image", "2 images", "3 classes"
std::string plural(int64_t count, const std::string& one);
/// A number with `digits` significant digits, as printf's %g.
std::string significant(double value, int digits);
/// A number with `decimals` digits after the point, as printf's %f.
std::string fixed(double value, int decimals);

}  // namespace fqgan
