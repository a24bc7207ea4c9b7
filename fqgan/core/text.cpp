// "Did you mean" uses the edit distance in which a transposition of neighbours counts one (optimal string alignment).
#include "fqgan/core/text.h"

#include <algorithm>
#include <cstdio>

namespace fqgan {
namespace {

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

// The number of bytes of the UTF-8 character at the start of `text`, or 0. Overlong forms, surrogates and numbers above
// U+10FFFF are not UTF-8.
size_t character_bytes(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto continues = [&](size_t first, size_t last) {
    for (size_t i = first; i <= last; ++i)
      if ((byte(i) & 0xc0u) != 0x80u) return false;
    return true;
  };
  const unsigned lead = byte(0), next = byte(1);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1, 1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef)
    return continues(1, 2) && (lead != 0xe0 || next >= 0xa0) && (lead != 0xed || next < 0xa0) ? 3 : 0;
  if (lead >= 0xf0 && lead <= 0xf4)
    return continues(1, 3) && (lead != 0xf0 || next >= 0x90) && (lead != 0xf4 || next < 0x90) ? 4 : 0;
  return 0;
}

}  // namespace

std::string closest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, (word.size() + 2) / 3) + 1;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance || distance >= candidate.size()) continue;
    // A third of the letters may be wrong; that is rounded up if the first one is right.
    if (distance > std::max<size_t>(1, word.size() / 3) && word.front() != candidate.front()) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& candidates,
                       const std::string& otherwise) {
  const auto meant = closest(word, candidates);
  return meant.empty() ? otherwise : ". Did you mean '" + meant + "'?";
}

std::string join(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) text += (i ? between : "") + parts[i];
  return text;
}

std::string quoted_list(const std::vector<std::string>& names) {
  return names.empty() ? "" : "'" + join(names, "', '") + "'";
}

std::string short_list(const std::vector<std::string>& names, size_t most) {
  if (names.size() <= most) return quoted_list(names);
  const std::vector<std::string> some(names.begin(), names.begin() + static_cast<int64_t>(most));
  return quoted_list(some) + " and " + std::to_string(names.size() - most) + " more";
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t bytes = character_bytes(text);
    const bool control = static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f;
    result += bytes == 0 || control ? std::string_view("\xef\xbf\xbd") : text.substr(0, bytes);
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return result;
}

std::string without_byte_order_mark(std::string text) {
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  return text;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string without_hint(const std::string& message) { return message.substr(0, message.find(". Hint: ")); }

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
    const bool control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    line += c == '\n' ? "\\n" : c == '\t' ? "\\t" : control ? escape : std::string(1, c);
  }
  return line;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string plural(int64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : one.ends_with("s") ? "es" : "s");
}

std::string significant(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string fixed(double value, int decimals) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace fqgan
