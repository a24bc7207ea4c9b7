// RecipeText: merges files, `extends` and --set into one tree.
#include <algorithm>
#include <filesystem>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/options_toml.h"
#include "fqgan/core/toml_depth.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;
using Kind = TomlNode::Kind;

struct OpenFile {
  std::string name;    // as the user wrote it
  fs::path canonical;  // for comparison
};

TomlNode load(const std::string& toml, const std::string& name, std::vector<OpenFile>& chain);

// Reads the recipe that `extends` names, merged with all that it extends.
TomlNode load_extended(const TomlNode& extends, const std::string& name, std::vector<OpenFile>& chain) {
  if (extends.kind != Kind::string) {
    fail(extends.place, "extends: expected a file name (string), got " + found_text(extends));
  }
  const fs::path target = (fs::path(name).parent_path() / expand_home(extends.string)).lexically_normal();
  if (!fs::is_regular_file(target)) {
    fail(extends.place, "extends: expected a recipe file, found none at '" + target.string() +
                            "'. Hint: the path is relative to the folder of '" + name + "'");
  }
  const fs::path canonical = fs::weakly_canonical(target);
  for (const auto& open : chain) {
    if (open.canonical != canonical) continue;
    std::string circle;
    for (const auto& file : chain) circle += "'" + file.name + "' -> ";
    fail(extends.place, "extends: expected no circle, got " + circle + "'" + target.string() + "'");
  }
  return load(read_file(target, most_bytes_by_hand), target.string(), chain);
}

TomlNode load(const std::string& toml, const std::string& name, std::vector<OpenFile>& chain) {
  std::error_code ignored;  // a pipe such as /dev/fd/63 has no canonical path
  chain.push_back({name, fs::weakly_canonical(name, ignored)});
  TomlNode own = parse_toml(toml, name);
  TomlNode result;
  const auto extends =
      std::find_if(own.children.begin(), own.children.end(), [](auto& child) { return child.key == "extends"; });
  if (extends != own.children.end()) {
    result = load_extended(*extends, name, chain);
    own.children.erase(extends);
  }
  merge(result, own);
  return result;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Splits "a.b.c" into its parts, which may be empty.
std::vector<std::string> split_key(const std::string& key) {
  std::vector<std::string> parts(1);
  for (char c : key) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

std::string assigned_key(const std::string& assignment) { return trimmed(assignment.substr(0, assignment.find('='))); }

RecipeText::RecipeText() : impl_(std::make_unique<Impl>()) {}
RecipeText::RecipeText(const RecipeText& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
RecipeText& RecipeText::operator=(RecipeText other) {
  impl_.swap(other.impl_);
  return *this;
}
RecipeText::~RecipeText() = default;

RecipeText RecipeText::from_file(const std::string& path, Paths paths) {
  auto text = from_string(read_file(path, most_bytes_by_hand), path);
  text.impl_->paths = paths;
  return text;
}

RecipeText RecipeText::from_string(const std::string& toml, const std::string& name) {
  RecipeText text;
  std::vector<OpenFile> chain;
  text.impl_->root = load(toml, name, chain);
  return text;
}

void RecipeText::set(const std::string& assignment, const std::string& folder) {
  const auto equals = assignment.find('=');
  const std::string key = assigned_key(assignment);
  const auto parts = split_key(key);
  if (equals == std::string::npos || std::count(parts.begin(), parts.end(), "")) {
    fail("--set", "expected key=value, got '" + assignment + "'. Hint: for example --set training.iterations=1000");
  }
  if (parts.size() > most_nested_tables)
    fail("--set", "expected a key of at most " + std::to_string(most_nested_tables) + " parts, got " +
                      std::to_string(parts.size()));
  if (key == "extends") fail("--set", "extends: expected in a recipe file only, got it on the command line");

  TomlNode value = parse_command_line_value(trimmed(assignment.substr(equals + 1)));
  if (value.kind == Kind::table)
    fail("--set", key + ": expected the value of one option, got a table. Hint: write --set " + key +
                      ".OPTION=VALUE for each option");
  value.folder = folder;
  const TomlNode* on_the_way = &impl_->root;
  for (size_t i = 0; on_the_way && i + 1 < parts.size(); ++i) {
    on_the_way = on_the_way->find(parts[i]);
    if (on_the_way && on_the_way->kind != Kind::table) {
      fail("--set", key + ": expected '" + parts[i] + "' to be a table, got " + found_text(*on_the_way));
    }
  }
  for (size_t i = parts.size(); i-- > 0;) {  // wrap the value in its tables, from the inside out
    value.key = parts[i];
    TomlNode table;
    table.place = value.place;
    table.children.push_back(std::move(value));
    value = std::move(table);
  }
  merge(impl_->root, value);
}

std::string RecipeText::get(const std::string& key, const std::string& fallback) const {
  const TomlNode* node = &impl_->root;
  for (const auto& part : split_key(key)) {
    node = node->find(part);
    if (!node) return fallback;
  }
  if (node->kind != Kind::string && !node->raw.empty()) return node->raw;
  if (node->kind != Kind::string) fail(node->place, key + ": expected a string, got " + found_text(*node));
  return node->string;
}

}  // namespace fqgan
