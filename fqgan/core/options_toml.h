// What the sources of core/options share: the tree of a merged recipe, in which each value knows where it was said, and
// TOML values as text. Internal; only options_toml.cpp knows toml++.
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
  std::string raw;                 // of a --set: the text after '=', as it was typed
  std::vector<TomlNode> children;  // of a table or an array
  std::string string;
  int64_t integer = 0;
  double number = 0;
  bool boolean = false;

  const TomlNode* find(const std::string& name) const;
};

struct RecipeText::Impl {
  TomlNode root;
};

/// The tree of a TOML text. Errors: UserError with `name` and line.
TomlNode parse_toml(const std::string& text, const std::string& name);
/// The value of a --set: TOML if it reads as one value, else a string. Errors: UserError (not UTF-8).
TomlNode parse_command_line_value(const std::string& text);
/// Deep merge: tables into tables; anything else replaces.
void merge(TomlNode& into, const TomlNode& from);

/// "'abc' (string)", "3 (integer)", "a table": a value in an error.
std::string found_text(const TomlNode& node);

/// TOML text; a double in the shortest form that reads back exactly and stays a float.
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

/// A number for people: without the ".0" that keeps it a float in TOML.
std::string plain_text(double value);
/// " in [0, 1]", " > 0", "" where everything is allowed.
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
