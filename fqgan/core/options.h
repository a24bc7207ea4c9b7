// Functions derived from a struct's list of fields (core/fields.h): reading and writing TOML, overrides, documentation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"

namespace fqgan {

/// The key of an assignment "a.b = c": "a.b".
std::string assigned_key(const std::string& assignment);

/// What read_options makes of paths: absolute ones, from the folder of the file in which they stand (--set: the working
/// folder), or the text itself.
enum class Paths { absolute, as_written };

/// A recipe before it is read into a struct: the merged TOML of defaults <- `extends` <- recipe <- `--set`. Tables are
/// merged deeply; everything else (arrays too) replaces the earlier value. Each value keeps its file and line, or
/// `--set`, for errors. Opaque, so that toml++ stays out of headers.
class RecipeText {
 public:
  RecipeText();
  RecipeText(const RecipeText&);
  RecipeText& operator=(RecipeText);
  ~RecipeText();

  /// Reads `path`, following `extends = "other.toml"` (relative to the extending file; a cycle is an error).
  /// Errors: UserError with file and line for a missing file, bad TOML, a missing or cyclic `extends`.
  static RecipeText from_file(const std::string& path, Paths paths = Paths::absolute);
  /// Reads TOML text; `name` is the file's name in errors, and `extends` is relative to its folder.
  static RecipeText from_string(const std::string& toml, const std::string& name);

  /// Applies "a.b=c": c is read as a TOML value, else taken as a string; a string field takes c literally ("123", not
  /// 123). `a.b=none` clears an optional. Errors: no '=', empty key, a key below a value that is no table, a
  /// table as the value (so that the keys of all assignments are known without reading them).
  /// `folder`: where a relative path in it begins; "": the working folder.
  void set(const std::string& assignment, const std::string& folder = "");
  /// The string at a dotted key, or `fallback`. Errors: the value is not a string.
  std::string get(const std::string& key, const std::string& fallback) const;

 private:
  friend void read_options(const RecipeText&, Options&);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads `text` into `options`; fields that it does not mention keep their values. An integer is accepted for a double,
/// never the reverse. The string "none" unsets an optional field, in files and in `--set`, so that a recipe can clear a
/// value of the recipe that it extends (an optional string therefore never holds "none"). Errors (UserError, one line:
/// file and line or `--set`, dotted key, expected, found, hint; `options` is then unchanged): unknown key with "did you
/// mean", wrong type, NaN, out of range, not one of the choices.
void read_options(const RecipeText& text, Options& options);

/// Writes all fields as TOML (unset optionals as a comment line `# key =`), which reads back exactly. Within a table
/// plain fields come first, then sub-tables, each in listed order.
std::string write_options(Options& options);

/// Describes every field, in listed order: dotted key, type, value as TOML text ("none" in quotes for an unset
/// optional) and meaning (with range or choices).
struct FieldDescription {
  std::string key, type, value, meaning;
  bool resumable, is_path;
};
std::vector<FieldDescription> describe_options(Options& options);

/// The dotted keys whose values differ, or that only one of them has, in listed order.
std::vector<std::string> changed_fields(Options& a, Options& b);

}  // namespace fqgan
