#include "fqgan/core/options_toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "fqgan/core/error.h"
#include "fqgan/core/toml_depth.h"

namespace fqgan {
namespace {

const char* const command_line = "--set";

TomlNode convert(const toml::node& source, const std::string& name, size_t parent_line) {
  using Kind = TomlNode::Kind;
  // toml++ gives line 0 to the tables that it creates itself for a dotted key.
  const size_t line = source.source().begin.line ? source.source().begin.line : parent_line;
  TomlNode node;
  node.place = name == command_line || line == 0 ? name : name + ":" + std::to_string(line);
  node.folder = std::filesystem::path(name).parent_path().string();
  switch (source.type()) {
    case toml::node_type::table:
      for (auto&& [key, child] : *source.as_table()) {
        node.children.push_back(convert(child, name, line));
        node.children.back().key = std::string(key.str());
      }
      break;
    case toml::node_type::array:
      node.kind = Kind::array;
      for (auto&& child : *source.as_array()) node.children.push_back(convert(child, name, line));
      break;
    case toml::node_type::string:
      node.kind = Kind::string;
      node.string = source.as_string()->get();
      break;
    case toml::node_type::integer:
      node.kind = Kind::integer;
      node.integer = source.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      node.kind = Kind::number;
      node.number = source.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      node.kind = Kind::boolean;
      node.boolean = source.as_boolean()->get();
      break;
    default:
      node.kind = Kind::date;
  }
  return node;
}

}  // namespace

const TomlNode* TomlNode::find(const std::string& name) const {
  for (const auto& child : children) {
    if (child.key == name) return &child;
  }
  return nullptr;
}

TomlNode parse_toml(const std::string& text, const std::string& name) {
  refuse_deep_toml(text, name);
  try {
    return convert(toml::parse(std::string_view(text), std::string_view(name)), name, 0);
  } catch (const toml::parse_error& error) {
    const std::string reason(error.description());
    fail(name == command_line ? name : name + ":" + std::to_string(error.source().begin.line), "not TOML: " + reason);
  }
}

TomlNode parse_command_line_value(const std::string& text) {
  TomlNode table;
  try {
    table = parse_toml("value = " + text, command_line);
  } catch (const UserError&) {
  }
  // A line break in the text may have added a second key.
  if (table.children.size() != 1) table = parse_toml("value = " + toml_text(text), command_line);
  table.children[0].raw = text;
  return table.children[0];
}

void merge(TomlNode& into, const TomlNode& from) {
  if (into.kind != TomlNode::Kind::table || from.kind != TomlNode::Kind::table) {
    into = from;
    return;
  }
  for (const auto& child : from.children) {
    auto same = std::find_if(into.children.begin(), into.children.end(), [&](auto& c) { return c.key == child.key; });
    if (same == into.children.end()) {
      into.children.push_back(child);
    } else {
      merge(*same, child);
    }
  }
}

std::string found_text(const TomlNode& node) {
  switch (node.kind) {
    case TomlNode::Kind::table:
      return "a table";
    case TomlNode::Kind::array:
      return "a list";
    case TomlNode::Kind::string:
      return "'" + node.string + "' (string)";
    case TomlNode::Kind::integer:
      return toml_text(node.integer) + " (integer)";
    case TomlNode::Kind::number:
      return toml_text(node.number) + " (float)";
    case TomlNode::Kind::boolean:
      return toml_text(node.boolean) + " (boolean)";
    case TomlNode::Kind::date:
      break;
  }
  return "a date or time";
}

std::string toml_text(bool value) { return value ? "true" : "false"; }
std::string toml_text(int64_t value) { return std::to_string(value); }

std::string toml_text(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string toml_text(const std::string& value) {
  std::string text = "\"";
  for (unsigned char c : value) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += static_cast<char>(c);
    } else if (c < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04X", c);
      text += escaped;
    } else {
      text += static_cast<char>(c);
    }
  }
  return text + "\"";
}

std::string plain_text(double value) {
  const std::string text = toml_text(value);
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string range_text(const FieldInfo& info) {
  const bool low = !std::isinf(info.minimum), high = !std::isinf(info.maximum);
  if (low && high) {
    return std::string(info.exclusive_minimum ? " in (" : " in [") + plain_text(info.minimum) + ", " +
           plain_text(info.maximum) + "]";
  }
  if (low) return (info.exclusive_minimum ? " > " : " >= ") + plain_text(info.minimum);
  return high ? " <= " + plain_text(info.maximum) : "";
}

}  // namespace fqgan
