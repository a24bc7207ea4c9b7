// Parts of messages: lists of names, "did you mean", numbers with few digits, text that stays on one line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fqgan {

/// "a, b, c"
std::string join(const std::vector<std::string>& parts, const std::string& between = ", ");
/// "'a', 'b', 'c'"
std::string quoted_list(const std::vector<std::string>& names);

/// The closest of `candidates` to `word` by edit distance, if it is close enough; else "".
std::string closest(const std::string& word, const std::vector<std::string>& candidates);
/// ". Did you mean 'x'?" if one of `candidates` is close to `word`; else `otherwise`.
std::string suggestion(const std::string& word, const std::vector<std::string>& candidates,
                       const std::string& otherwise = "");

/// Converts ASCII letters to lower case.
std::string lower(std::string text);
/// Whether these bytes are text in UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view bytes);
/// The text with control characters as escapes ("\n", "\x1b"), so that a name with a line break stays on its line.
std::string one_line(std::string_view text);
/// "1 image", "2 images", "3 classes"
std::string plural(int64_t count, const std::string& one);
/// A number with `digits` significant digits, as printf's %g.
std::string significant(double value, int digits);
/// A number with `decimals` digits after the point, as printf's %f.
std::string fixed(double value, int decimals);

}  // namespace fqgan
