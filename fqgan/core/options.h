// Everything that is derived from a struct's list of fields (core/fields.h): TOML in and out, overrides, documentation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fqgan/core/fields.h"

namespace fqgan {

/// A recipe as text with where it came from, before it is read into a struct: the merged TOML of defaults <- `extends`
/// <- recipe <- `--set`. Tables merge deeply, everything else (arrays too) replaces what stood there. Each value
/// remembers the file and line, or `--set`, that said it, for errors. Opaque, so that toml++ stays out of headers.
class RecipeText {
 public:
  RecipeText();
  RecipeText(const RecipeText&);
  RecipeText& operator=(RecipeText);
  ~RecipeText();

  /// Reads `path`, following `extends = "other.toml"` (relative to the file that says it; a cycle is an error).
  /// Errors: UserError with file and line for a missing file, bad TOML, a missing or cyclic `extends`.
  static RecipeText from_file(const std::string& path);
  /// From TOML text; `name` stands for the file in errors, and `extends` is relative to its folder.
  static RecipeText from_string(const std::string& toml, const std::string& name);

  /// Applies "a.b=c": c is read as a TOML value, else taken as a string; a string field takes c as it stands ("123",
  /// not 123). `a.b=none` clears an optional. Errors: no '=', empty key, a key through a value.
  void set(const std::string& assignment);
  /// The string at a dotted key, or `fallback`. Errors: the value is no string.
  std::string get(const std::string& key, const std::string& fallback) const;

 private:
  friend void read_options(const RecipeText&, Options&);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes what `text` says into `options`; fields it does not mention keep their values. An int is accepted where a
/// double is expected, never the reverse. The string "none" unsets an optional field, in files and in `--set`, so that
/// a recipe can clear what the one it extends has set (an optional string therefore never holds "none"). Errors
/// (UserError, one line: file and line or `--set`, dotted key, expected, found, hint; `options` is then untouched):
/// unknown key with "did you mean", wrong type, NaN, out of range, not one of the choices.
void read_options(const RecipeText& text, Options& options);

/// The options as TOML with every field spelled out (unset optionals as a comment line `# key =`), round-trip exact.
/// Within a table plain fields come first, then sub-tables, each in listed order.
std::string write_options(Options& options);

/// The dotted key, type, value as TOML text ("none" in quotes for an unset optional) and meaning (with range or
/// choices) of every field, in listed order.
struct FieldDescription {
  std::string key, type, value, meaning;
  bool resumable;
};
std::vector<FieldDescription> describe_options(Options& options);

/// The dotted keys whose values differ, in listed order; a key that only one of them has differs.
std::vector<std::string> changed_fields(Options& a, Options& b);

}  // namespace fqgan
