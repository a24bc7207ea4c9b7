// Options are plain structs whose fields are listed once, in `fields(FieldVisitor&)`. From that one list come reading
// and writing TOML, `--set a.b=c`, `fqgan options`, range checks and the "did you mean" of an unknown key
// (core/options.h). A virtual visitor with few overloads, not a template: a template would multiply compile time.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fqgan {

/// The description of a field besides its name, type and default. Build it with `about("...")`.
struct FieldInfo {
  std::string meaning;                                        // one line, with the unit
  double minimum = -std::numeric_limits<double>::infinity();  // inclusive, for numbers and for each element of lists
  double maximum = std::numeric_limits<double>::infinity();   // inclusive
  bool exclusive_minimum = false;                             // the value must be greater than `minimum`
  std::vector<std::string> choices;                           // for strings: the allowed values; empty: any
  bool resumable = false;                                     // may be changed with --set on --resume
  bool is_path = false;                                       // for strings: the path of a file or folder
  std::vector<std::string> not_paths;                         // values of such a string that are no paths

  FieldInfo&& at_least(double v) && {
    minimum = v;
    return std::move(*this);
  }
  FieldInfo&& more_than(double v) && {
    minimum = v;
    exclusive_minimum = true;
    return std::move(*this);
  }
  FieldInfo&& at_most(double v) && {
    maximum = v;
    return std::move(*this);
  }
  FieldInfo&& one_of(std::vector<std::string> v) && {
    choices = std::move(v);
    return std::move(*this);
  }
  FieldInfo&& on_resume() && {
    resumable = true;
    return std::move(*this);
  }
  /// A relative path in a file is relative to that file's folder, and in --set to the working folder.
  FieldInfo&& path(std::vector<std::string> except = {}) && {
    is_path = true;
    not_paths = std::move(except);
    return std::move(*this);
  }
};
inline FieldInfo about(std::string meaning) { return FieldInfo{std::move(meaning)}; }

struct Options;

// An optional's default must be unset: a written recipe mentions unset fields only as a comment, so that a default that
// was set and then cleared would come back when the recipe is read.
struct FieldVisitor {
  virtual ~FieldVisitor() = default;
  virtual void operator()(const char* name, bool& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, int64_t& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, double& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, std::string& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, std::optional<int64_t>& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, std::optional<double>& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, std::optional<std::string>& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, std::vector<int64_t>& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, std::vector<bool>& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, std::vector<std::string>& value, const FieldInfo& info) = 0;
  virtual void operator()(const char* name, Options& group, const FieldInfo& info) = 0;  // a TOML table
};

/// Base of every option struct.
struct Options {
  virtual ~Options() = default;
  virtual void fields(FieldVisitor& visit) = 0;
};

/// The problems of options with the given data, collected so that the user sees all of them at once.
struct Problems {
  std::vector<std::string> lines;  // "model.generator.attention: expected ..., got ..."
  void add(const std::string& key, const std::string& message) { lines.push_back(key + ": " + message); }
};

}  // namespace fqgan
