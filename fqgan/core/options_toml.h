// Shared by the sources of core/options: the tree of a merged recipe, in which each value knows its file and line, and
// TOML values as text. Internal; only options_toml.cpp uses toml++.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"
#include "fqgan/core/options.h"

namespace fqgan {

struct TomlNode {
  enum class Kind { table, array, string, integer, number, boolean, date };
  Kind kind = Kind::table;
  std::string key;                 // within its table
  std::string place;               // "recipe.toml:12" or "--set"
  std::string folder;              // of the file, "" for the working folder
  std::string raw;                 // for --set: the text after '=', as it was typed
  std::vector<TomlNode> children;  // the elements of a table or an array
  std::string string;
  int64_t integer = 0;
  double number = 0;
  bool boolean = false;

  const TomlNode* find(const std::string& name) const;
};

struct RecipeText::Impl {
  TomlNode root;
  Paths paths = Paths::absolute;
};

/// Parses TOML text. Errors: UserError with `name` and line.
TomlNode parse_toml(const std::string& text, const std::string& name);
/// Parses the value of a --set: as TOML if it is one value, else as a string. Errors: UserError (not UTF-8).
TomlNode parse_command_line_value(const std::string& text);
/// Merges deeply: tables into tables; anything else is replaced.
void merge(TomlNode& into, const TomlNode& from);

/// A value for an error message: "'abc' (string)", "3 (integer)", "a table".
std::string found_text(const TomlNode& node);

/// A value as TOML text; a double in the shortest form that reads back exactly and stays a float.
std::string toml_text(bool value);
std::string toml_text(int64_t value);
std::string toml_text(double value);
std::string toml_text(const std::string& value);
template <class T>
std::string toml_text(const std::vector<T>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i ? ", " : "") + toml_text(static_cast<T>(values[i]));
  return text + "]";
}

/// A number for messages, without the ".0" that keeps it a float in TOML.
std::string plain_text(double value);
/// The allowed range: " in [0, 1]", " > 0", or "" without limits.
std::string range_text(const FieldInfo& info);

/// Turns the visitor's overloads into two templates: Derived::field(name, value, info) and Derived::group(name, group).
template <class Derived>
struct TemplateVisitor : FieldVisitor {
  void operator()(const char* name, bool& value, const FieldInfo& info) override { call(name, value, info); }
  void operator()(const char* name, int64_t& value, const FieldInfo& info) override { call(name, value, info); }
  void operator()(const char* name, double& value, const FieldInfo& info) override { call(name, value, info); }
  void operator()(const char* name, std::string& value, const FieldInfo& info) override { call(name, value, info); }
  void operator()(const char* name, std::optional<int64_t>& value, const FieldInfo& info) override {
    call(name, value, info);
  }
  void operator()(const char* name, std::optional<double>& value, const FieldInfo& info) override {
    call(name, value, info);
  }
  void operator()(const char* name, std::optional<std::string>& value, const FieldInfo& info) override {
    call(name, value, info);
  }
  void operator()(const char* name, std::vector<int64_t>& value, const FieldInfo& info) override {
    call(name, value, info);
  }
  void operator()(const char* name, std::vector<bool>& value, const FieldInfo& info) override {
    call(name, value, info);
  }
  void operator()(const char* name, std::vector<std::string>& value, const FieldInfo& info) override {
    call(name, value, info);
  }
  void operator()(const char* name, Options& group, const FieldInfo&) override {
    static_cast<Derived*>(this)->group(name, group);
  }

 private:
  template <class T>
  void call(const char* name, T& value, const FieldInfo& info) {
    static_cast<Derived*>(this)->field(name, value, info);
  }
};

}  // namespace fqgan
