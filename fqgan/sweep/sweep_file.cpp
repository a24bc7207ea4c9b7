#include "fqgan/sweep/sweep_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cctype>

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/command_line.h"
#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "fqgan/core/text.h"
#include "fqgan/core/toml_depth.h"

namespace fqgan {
namespace {

/// A table of the file; errors name the file and line of a value.
class SweepTable {
 public:
  SweepTable(const toml::table& table, std::string path) : table_(table), path_(std::move(path)) {}

  [[noreturn]] void refuse(const toml::node& node, const std::string& message) const {
    fail(path_ + ":" + std::to_string(node.source().begin.line), message);
  }

  void expect_keys(const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table_) {
      const std::string name(key.str());
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      refuse(node, "unknown key '" + name + "'" + suggestion(name, known));
    }
  }

  std::optional<std::string> text(const char* key) const {
    const auto* node = table_.get(key);
    if (!node) return {};
    if (!node->is_string()) refuse(*node, std::string(key) + ": expected a string in quotes");
    return node->value<std::string>();
  }

  template <class T>
  std::vector<T> list(const char* key, const char* of) const {
    std::vector<T> values;
    const auto* node = table_.get(key);
    if (!node) return values;
    const auto* array = node->as_array();
    if (!array) refuse(*node, std::string(key) + ": expected a list of " + of);
    for (const auto& element : *array) {
      const auto value = element.template value_exact<T>();
      if (!value) refuse(element, std::string(key) + ": expected a list of " + of);
      values.push_back(*value);
    }
    return values;
  }

  const toml::table& raw() const { return table_; }

 private:
  const toml::table& table_;
  std::string path_;
};

toml::table parse(const std::filesystem::path& path) {
  const auto text = read_file(path, most_bytes_by_hand);
  refuse_deep_toml(text, path.string());
  try {
    return toml::parse(text, path.string());
  } catch (const toml::parse_error& error) {
    fail(path.string() + ":" + std::to_string(error.source().begin.line), std::string(error.description()));
  }
}

Experiment read_experiment(const SweepTable& table, const SweepTable& file, const std::filesystem::path& folder) {
  table.expect_keys({"name", "recipe", "set", "seeds"});
  const auto name = table.text("name"), recipe = table.text("recipe");
  if (!name || name->empty()) table.refuse(table.raw(), "expected a name in each [[experiment]], found none");
  if (!std::all_of(name->begin(), name->end(), [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; }))
    table.refuse(table.raw(), "name: expected letters, digits, '-' and '_', got '" + *name + "'");
  if (!recipe) table.refuse(table.raw(), "expected a recipe in experiment '" + *name + "', found none");
  const auto path = (folder / expand_home(*recipe)).lexically_normal();
  Experiment experiment{*name, path.string(), file.list<std::string>("set", "texts"),
                        table.list<int64_t>("seeds", "integers")};
  for (auto& assignment : table.list<std::string>("set", "texts")) experiment.set.push_back(std::move(assignment));
  if (experiment.seeds.empty()) experiment.seeds = file.list<int64_t>("seeds", "integers");
  if (experiment.seeds.empty()) experiment.seeds = {1};
  return experiment;
}

}  // namespace

SweepFile read_sweep(const std::filesystem::path& path) {
  const auto document = parse(path);
  const SweepTable file(document, path.string());
  file.expect_keys({"seeds", "data", "set", "metric", "experiment"});
  SweepFile sweep{file.text("metric").value_or(""), file.text("data"), {}};
  if (sweep.data) sweep.data = expand_home(*sweep.data);
  const auto* experiments = document.get_as<toml::array>("experiment");
  if (!experiments || experiments->empty()) fail(path.string(), "expected at least one [[experiment]], found none");
  for (const auto& element : *experiments) {
    if (!element.is_table()) file.refuse(element, "experiment: expected tables, written [[experiment]]");
    const SweepTable table(*element.as_table(), path.string());
    auto experiment = read_experiment(table, file, path.parent_path());
    for (const auto& other : sweep.experiments)
      if (other.name == experiment.name)
        table.refuse(element, "expected different names, got '" + other.name + "' twice");
    sweep.experiments.push_back(std::move(experiment));
  }
  return sweep;
}

}  // namespace fqgan
