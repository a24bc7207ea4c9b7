#include "fqgan/core/command_line.h"

#include <cctype>
#include <cstdlib>
#include <string_view>

namespace fqgan {
namespace {

std::string& program_name() {
  static std::string name = "fqgan";
  return name;
}

/// A word as a POSIX shell takes it literally.
std::string quoted(const std::string& word) {
  bool plain = !word.empty() && word.front() != '~';
  for (const char c : word) {
    const bool letter = std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80;
    plain = plain && (letter || std::string_view("_-./=:,+@%~").find(c) != std::string_view::npos);
  }
  if (plain) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

void set_program_name(const std::string& name) {
  if (!name.empty()) program_name() = name;
}

std::string command_line(const std::vector<std::string>& words) {
  std::string text = quoted(program_name());
  for (const auto& word : words) text += " " + quoted(word);
  return text;
}

std::string expand_home(const std::string& path) {
  if (path != "~" && !path.starts_with("~/")) return path;
  const char* home = std::getenv("HOME");
  return home && *home ? home + path.substr(1) : path;
}

}  // namespace fqgan
