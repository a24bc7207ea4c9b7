// write_options, describe_options, changed_fields: the values of a struct as text.
#include <algorithm>
#include <map>

#include "fqgan/core/error.h"
#include "fqgan/core/options_toml.h"
#include "fqgan/core/text.h"

namespace fqgan {
namespace {

const std::string none = "none";

class Writer : public TemplateVisitor<Writer> {
 public:
  explicit Writer(std::string prefix) : prefix_(std::move(prefix)) {}

  // Plain fields come before sub-tables, because after a [header] they would belong to that table.
  std::string write(Options& options) {
    options.fields(*this);
    const bool has_header = !prefix_.empty() && !lines_.empty();
    return (has_header ? "\n[" + prefix_ + "]\n" : "") + lines_ + tables_;
  }

  template <class T>
  void field(const char* name, T& value, const FieldInfo&) {
    lines_ += std::string(name) + " = " + toml_text(value) + "\n";
  }
  template <class T>
  void field(const char* name, std::optional<T>& value, const FieldInfo& info) {
    if constexpr (std::is_same_v<T, std::string>) {
      FQGAN_CHECK(value != none, "an optional string cannot hold 'none', which means unset");
    }
    if (value) {
      field(name, *value, info);
    } else {
      lines_ += "# " + std::string(name) + " =\n";
    }
  }
  void group(const char* name, Options& group) {
    tables_ += Writer(prefix_.empty() ? name : prefix_ + "." + name).write(group);
  }

 private:
  std::string prefix_, lines_, tables_;
};

template <class T>
constexpr const char* type_name = nullptr;
template <>
constexpr const char* type_name<bool> = "boolean";
template <>
constexpr const char* type_name<int64_t> = "integer";
template <>
constexpr const char* type_name<double> = "float";
template <>
constexpr const char* type_name<std::string> = "string";
template <>
constexpr const char* type_name<std::vector<bool>> = "list of booleans";
template <>
constexpr const char* type_name<std::vector<int64_t>> = "list of integers";
template <>
constexpr const char* type_name<std::vector<std::string>> = "list of strings";

class Describer : public TemplateVisitor<Describer> {
 public:
  Describer(std::string prefix, std::vector<FieldDescription>& result) : prefix_(std::move(prefix)), result_(result) {}

  template <class T>
  void field(const char* name, T& value, const FieldInfo& info) {
    add(name, type_name<T>, toml_text(value), info);
  }
  template <class T>
  void field(const char* name, std::optional<T>& value, const FieldInfo& info) {
    add(name, type_name<T> + std::string(" or none"), toml_text(none), info);
    if (value) result_.back().value = toml_text(*value);
  }
  void group(const char* name, Options& group) {
    Describer inner(prefix_ + name + ".", result_);
    group.fields(inner);
  }

 private:
  void add(const char* name, std::string type, std::string value, const FieldInfo& info) {
    std::string limits = range_text(info);
    if (!info.choices.empty()) limits = " one of " + quoted_list(info.choices);
    if (!limits.empty()) limits = " (" + limits.substr(1) + ")";
    result_.push_back(
        {prefix_ + name, std::move(type), std::move(value), info.meaning + limits, info.resumable, info.is_path});
  }

  std::string prefix_;
  std::vector<FieldDescription>& result_;
};

}  // namespace

std::string write_options(Options& options) { return Writer("").write(options); }

std::vector<FieldDescription> describe_options(Options& options) {
  std::vector<FieldDescription> result;
  Describer describer("", result);
  options.fields(describer);
  return result;
}

std::vector<std::string> changed_fields(Options& a, Options& b) {
  std::map<std::string, std::string> of_b;
  for (const auto& field : describe_options(b)) of_b[field.key] = field.value;
  std::vector<std::string> changed;
  for (const auto& field : describe_options(a)) {
    const auto same = of_b.find(field.key);
    if (same == of_b.end() || same->second != field.value) changed.push_back(field.key);
    if (same != of_b.end()) of_b.erase(same);
  }
  for (const auto& [key, value] : of_b) changed.push_back(key);
  return changed;
}

}  // namespace fqgan
