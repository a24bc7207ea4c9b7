// read_options: reads a merged recipe into a struct.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/options_toml.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

using Kind = TomlNode::Kind;

// A value that is read into a field.
struct Source {
  const TomlNode& node;
  std::string key;  // dotted, with [index] in lists
  const FieldInfo& info;
  Paths paths;

  [[noreturn]] void refuse(const std::string& expected, const std::string& found, const std::string& hint = "") const {
    fail(node.place, key + ": expected " + expected + ", got " + found + hint);
  }
  void check_range(double value, const std::string& kind) const {
    const bool above = info.exclusive_minimum ? value > info.minimum : value >= info.minimum;
    if (!above || !(value <= info.maximum)) refuse(kind + range_text(info), plain_text(value));
  }
};

void convert(const Source& source, bool& out) {
  if (source.node.kind != Kind::boolean) source.refuse("true or false", found_text(source.node));
  out = source.node.boolean;
}

void convert(const Source& source, int64_t& out) {
  const TomlNode& node = source.node;
  if (node.kind != Kind::integer) {
    const bool whole =
        node.kind == Kind::number && std::abs(node.number) < 1e15 && std::trunc(node.number) == node.number;
    source.refuse("an integer", found_text(node),
                  whole ? ". Hint: write " + toml_text(static_cast<int64_t>(node.number)) : "");
  }
  source.check_range(static_cast<double>(node.integer), "an integer");
  out = node.integer;
}

void convert(const Source& source, double& out) {
  const TomlNode& node = source.node;
  if (node.kind != Kind::integer && node.kind != Kind::number) source.refuse("a number", found_text(node));
  const double value = node.kind == Kind::integer ? static_cast<double>(node.integer) : node.number;
  source.check_range(value, "a number");  // refuses NaN too, for which every comparison is false
  out = value;
}

std::string path_in(const Source& source, const std::string& value) {
  const auto& words = source.info.not_paths;
  const bool word = value.empty() || std::find(words.begin(), words.end(), value) != words.end();
  if (word || source.paths == Paths::as_written) return value;
  return std::filesystem::absolute(std::filesystem::path(source.node.folder) / value).lexically_normal().string();
}

void convert(const Source& source, std::string& out) {
  const TomlNode& node = source.node;
  const bool scalar = node.kind != Kind::array && node.kind != Kind::table;
  if (node.kind != Kind::string && !(scalar && !node.raw.empty())) {
    source.refuse("a string", found_text(node), scalar ? ". Hint: put it in quotes" : "");
  }
  const auto value = expand_home(node.kind == Kind::string ? node.string : node.raw);
  const auto& choices = source.info.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
    source.refuse("one of " + quoted_list(choices), "'" + value + "'", suggestion(value, choices));
  }
  out = source.info.is_path ? path_in(source, value) : value;
}

template <class T>
void convert(const Source& source, std::optional<T>& out) {
  if (source.node.kind == Kind::string && source.node.string == "none") {
    out.reset();
  } else {
    convert(source, out.emplace());
  }
}

template <class T>
void convert(const Source& source, std::vector<T>& out) {
  if (source.node.kind != Kind::array) source.refuse("a list in [ ]", found_text(source.node));
  out.clear();
  for (const auto& element : source.node.children) {
    T value;
    convert({element, source.key + "[" + std::to_string(out.size()) + "]", source.info, source.paths}, value);
    out.push_back(value);
  }
}

// Reads one table; collects the assignments, which are made only if the whole recipe is valid.
class Reader : public TemplateVisitor<Reader> {
 public:
  Reader(const TomlNode& table, std::string prefix, Options& root, Paths paths,
         std::vector<std::function<void()>>& assignments)
      : table_(table), prefix_(std::move(prefix)), root_(root), paths_(paths), assignments_(assignments) {}

  void read(Options& options) {
    options.fields(*this);
    for (const auto& child : table_.children) {
      if (std::find(names_.begin(), names_.end(), child.key) == names_.end()) refuse_unknown(child);
    }
  }

  template <class T>
  void field(const char* name, T& value, const FieldInfo& info) {
    names_.push_back(name);
    const TomlNode* node = table_.find(name);
    if (!node) return;
    T converted;
    convert({*node, prefix_ + name, info, paths_}, converted);
    assignments_.push_back([&value, converted = std::move(converted)] { value = converted; });
  }

  void group(const char* name, Options& group) {
    names_.push_back(name);
    const TomlNode* node = table_.find(name);
    if (!node) return;
    if (node->kind != Kind::table) fail(node->place, prefix_ + name + ": expected a table, got " + found_text(*node));
    Reader(*node, prefix_ + name + ".", root_, paths_, assignments_).read(group);
  }

 private:
  [[noreturn]] void refuse_unknown(const TomlNode& node) const {
    const std::string message = "unknown key '" + prefix_ + node.key + "'. ";
    const auto meant = meant_by(node.key);
    if (!meant.empty() && meant.size() <= 4)
      fail(node.place, message + "Did you mean " + (meant.size() > 1 ? "one of " : "") + quoted_list(meant) + "?");
    const std::string table = prefix_.empty() ? "at the top" : "in [" + prefix_.substr(0, prefix_.size() - 1) + "]";
    if (names_.empty() || names_.size() > 16) {
      fail(node.place, message + "Hint: " + command_line({"options", "FAMILY"}) + " lists all keys");
    }
    fail(node.place, message + "Keys " + table + ": " + quoted_list(names_));
  }

  // A key of this table with a similar spelling, else the keys anywhere with exactly this name.
  std::vector<std::string> meant_by(const std::string& name) const {
    const std::string sibling = closest(name, names_);
    if (!sibling.empty()) return {prefix_ + sibling};
    std::vector<std::string> elsewhere;
    for (const auto& field : describe_options(root_))
      if (field.key.substr(field.key.rfind('.') + 1) == name) elsewhere.push_back(field.key);
    return elsewhere;
  }

  const TomlNode& table_;
  std::string prefix_;  // "" or "model.quantizer."
  Options& root_;
  Paths paths_;
  std::vector<std::function<void()>>& assignments_;
  std::vector<std::string> names_;  // fields and groups of this table
};

}  // namespace

void read_options(const RecipeText& text, Options& options) {
  std::vector<std::function<void()>> assignments;
  Reader(text.impl_->root, "", options, text.impl_->paths, assignments).read(options);
  for (const auto& assign : assignments) assign();
}

}  // namespace fqgan
